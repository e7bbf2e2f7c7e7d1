/** Finds the mutants of a TypeScript file: small changes of its code, each of which a test must notice. */
import { stripTypeScriptTypes } from 'node:module'
import { type AnyNode, parse } from 'acorn'

export interface Mutant {
  /** From 1. */
  line: number
  start: number
  end: number
  before: string
  after: string
}

export interface MutantOptions {
  /** Also mutates texts with a space, which are messages for people. */
  texts: boolean
}

const OPERATORS: Record<string, string> = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '&&': '||',
  '||': '&&',
}

type Add = (at: { start: number; end: number }, after: string) => void

export function findMutants(source: string, { texts }: MutantOptions): Mutant[] {
  // The types are replaced by spaces, so that positions in the code are positions in the source.
  const code = stripTypeScriptTypes(source)
  const mutants: Mutant[] = []
  const add: Add = ({ start, end }, after) => {
    const before = source.slice(start, end)
    const line = source.slice(0, start).split('\n').length
    if (before !== after) mutants.push({ line, start, end, before, after })
  }
  for (const node of nodesOf(parse(code, { ecmaVersion: 'latest', sourceType: 'module' })))
    mutate(node, { add, code, texts })
  return mutants.sort((one, other) => one.start - other.start)
}

/** The nodes of a program without imports, keys of objects, and the texts of tagged templates. */
function* nodesOf(node: AnyNode): Generator<AnyNode> {
  if (node.type === 'ImportDeclaration') return
  yield node
  for (const [key, value] of Object.entries(node)) {
    const isKey = key === 'key' && !('computed' in node && node.computed)
    if (isKey || (key === 'quasi' && node.type === 'TaggedTemplateExpression')) continue
    for (const child of [value].flat()) if (typeof child?.type === 'string') yield* nodesOf(child)
  }
}

interface Context {
  add: Add
  code: string
  texts: boolean
}

function mutate(node: AnyNode, context: Context) {
  const { add, code } = context
  const textOf = ({ start, end }: AnyNode) => code.slice(start, end)
  switch (node.type) {
    case 'IfStatement':
    case 'ConditionalExpression':
    case 'WhileStatement':
      return add(node.test, `!(${textOf(node.test)})`)
    case 'BinaryExpression':
    case 'LogicalExpression':
      return mutateOperator(node, context)
    case 'UnaryExpression':
      if (node.operator === '!' || node.operator === '-') add(node, textOf(node.argument))
      return
    case 'ReturnStatement':
      if (node.argument && textOf(node.argument) !== 'undefined') add(node.argument, 'undefined')
      return
    case 'ArrowFunctionExpression':
      if (node.body.type !== 'BlockStatement') add(node.body, 'undefined')
      return
    case 'ExpressionStatement':
    case 'ThrowStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return add(node, '{}')
    case 'ArrayExpression':
      if (node.elements.length > 0) add(node, '[]')
      return
    case 'ObjectExpression':
      if (node.properties.length > 0) add(node, '{}')
      return
    case 'MemberExpression':
    case 'CallExpression':
      return mutateOptional(node, context)
    case 'Literal':
    case 'TemplateLiteral':
      return mutateLiteral(node, context)
  }
}

type Operation = Extract<AnyNode, { type: 'BinaryExpression' | 'LogicalExpression' }>

function mutateOperator({ left, right, operator, start, end }: Operation, { add, code }: Context) {
  const [before, after] = [code.slice(start, left.end), code.slice(right.start, end)]
  const isText = [left, right].some((operand) => /['"`]/.test(code[operand.start]!))
  if (operator === '??') add({ start: left.end, end }, '')
  else if (operator === '+' && !isText) add({ start, end }, `${before} - ${after}`)
  const other = OPERATORS[operator]
  const at = code.indexOf(operator, left.end)
  if (other) add({ start: at, end: at + operator.length }, other)
}

type Optional = Extract<AnyNode, { type: 'MemberExpression' | 'CallExpression' }>

function mutateOptional(node: Optional, { add, code }: Context) {
  if (!node.optional) return
  const at = code.indexOf('?.', node.type === 'CallExpression' ? node.callee.end : node.object.end)
  const isDot = node.type === 'MemberExpression' && !node.computed
  add({ start: at, end: at + 2 }, isDot ? '.' : '')
}

type Text = Extract<AnyNode, { type: 'Literal' | 'TemplateLiteral' }>

function mutateLiteral(node: Text, { add, code, texts }: Context) {
  const text = code.slice(node.start, node.end)
  if (node.type === 'TemplateLiteral') {
    if (text !== '``' && (texts || !text.includes(' '))) add(node, '``')
  } else if (typeof node.value === 'boolean') add(node, String(!node.value))
  else if (node.regex) {
    add(node, `/(?!)/${node.regex.flags}`)
    // Without one of its anchors, which are outside of classes such as [^a].
    for (const { index, 1: anchor } of text.matchAll(/\[(?:\\.|[^\]])*\]|\\.|([$^])/g))
      if (anchor) add(node, text.slice(0, index) + text.slice(index + 1))
  } else if (typeof node.value === 'string' && (texts || !node.value.includes(' ')))
    add(node, node.value === '' ? "'mutated'" : "''")
}
