import t from 'tap'
import { routeUrlResolver } from '../../src/responder/route-url.ts'

t.test('without PUBLIC_URL: slashes are removed, and the query is unchanged', async (t) => {
  const resolve = routeUrlResolver()
  for (const [url, route] of [
    ['/jit/s?a=b', '/jit/s?a=b'],
    ['//jit///s//?a=b//c/', '/jit/s?a=b//c/'],
    ['/', '/'],
    ['//', '/'],
    ['', ''],
    ['/jit/s/#/x//', '/jit/s#/x//'],
    ['http://host:1//jit/s/?a', 'http://host:1/jit/s?a'],
    ['HTTP://host/jit', 'HTTP:/host/jit'],
    ['/base/jit/s', '/base/jit/s'],
  ] as const)
    t.equal(resolve(url), route, url)
})

t.test('with a path in PUBLIC_URL: the path is removed once, in front of /jit/ only', async (t) => {
  for (const publicUrl of ['https://jit.example/some/where', 'https://jit.example/some/where/']) {
    const resolve = routeUrlResolver(publicUrl)
    for (const [url, route] of [
      ['/some/where/jit/s', '/jit/s'],
      ['//some//where/jit/s/', '/jit/s'],
      ['/jit/s', '/jit/s'],
      ['/some/where/health/ready', '/some/where/health/ready'],
      ['/x/some/where/jit/s', '/x/some/where/jit/s'],
      ['/some/where/some/where/jit/s', '/some/where/some/where/jit/s'],
      ['http://host/some/where/jit/s', 'http://host/jit/s'],
    ] as const)
      t.equal(resolve(url), route, url)
  }
})
