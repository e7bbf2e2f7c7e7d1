/* Refreshes the live parts of a page, and adds copy buttons. Pages are complete without it. */

const switchOf = () => document.getElementById('live-switch')

async function refresh(id, seconds) {
  const next = () => setTimeout(() => refresh(id, seconds), seconds * 1000)
  const current = document.getElementById(id)
  const isPaused = document.hidden || switchOf()?.checked === false
  // The user is reading or operating something inside.
  if (isPaused || current.contains(document.activeElement)) return next()
  try {
    const response = await fetch(location.href, { headers: { 'x-live': '1' }, redirect: 'manual' })
    if (response.status === 401 || response.type === 'opaqueredirect') return location.reload()
    if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), 'text/html')
      const fresh = page.getElementById(id)
      if (fresh && fresh.innerHTML !== current.innerHTML && !current.contains(document.activeElement)) {
        const known = new Set([...current.querySelectorAll('tr')].map((row) => row.textContent))
        for (const row of fresh.querySelectorAll('tbody tr'))
          if (!known.has(row.textContent)) row.classList.add('new')
        current.replaceChildren(...fresh.childNodes)
        addCopyButtons(current)
      }
      seconds = Number(fresh?.dataset.live ?? 0)
    }
  } catch {
    // The service restarts: the next attempt can succeed.
  }
  if (seconds > 0) next()
}

function addCopyButtons(root) {
  // Absent without TLS, except on localhost.
  if (!navigator.clipboard) return
  for (const command of root.querySelectorAll('[data-copy]')) {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'copy'
    button.textContent = 'Copy'
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(command.textContent)
      button.textContent = 'Copied'
    })
    command.after(button)
  }
}

for (const element of document.querySelectorAll('[data-live]')) {
  const seconds = Number(element.dataset.live)
  if (seconds > 0) setTimeout(() => refresh(element.id, seconds), seconds * 1000)
}
for (const element of document.querySelectorAll('.live-switch')) element.hidden = false
addCopyButtons(document)
