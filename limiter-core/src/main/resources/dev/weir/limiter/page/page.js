'use strict';
(() => {
  const PERIOD = 1000;
  const PATIENCE = 5000;
  const page = document.documentElement;
  const live = document.getElementById('live');
  const lost = document.getElementById('lost');
  let busy = false;
  let seen = 'when it was loaded';

  // ---- the page becomes the fresh one, piece by piece, so that what is open, typed or focused stays so

  const same = (one, other) => one.nodeName === other.nodeName && !one.id && !other.id;

  const inUse = form => {
    const input = form.elements.capacity;
    return input === document.activeElement || input.value !== input.defaultValue;
  };

  function update(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) { old.nodeValue = fresh.nodeValue; }
      return;
    }
    if (old.nodeName === 'OUTPUT' || (old.nodeName === 'FORM' && inUse(old))) { return; }
    for (const { name } of [...old.attributes]) {
      if (name !== 'open' && !fresh.hasAttribute(name)) { old.removeAttribute(name); }
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) { old.setAttribute(name, value); }
    }
    let here = old.firstChild;
    for (const next of fresh.childNodes) {
      const match = next.id
        ? [...old.children].find(child => child.id === next.id)
        : here && same(here, next) ? here : undefined;
      if (!match) {
        old.insertBefore(document.importNode(next, true), here);
        continue;
      }
      if (match === here) { here = here.nextSibling; } else { old.insertBefore(match, here); }
      update(match, next);
    }
    while (here) {
      const gone = here;
      here = here.nextSibling;
      gone.remove();
    }
  }

  function show(fresh) {
    const focused = document.activeElement;
    update(document.getElementById('limits'), fresh.getElementById('limits'));
    if (focused !== document.activeElement && focused.isConnected) { focused.focus({ preventScroll: true }); }
    document.title = fresh.title;
    seen = new Date().toLocaleTimeString();
    live.textContent = 'Live · ' + seen;
    lost.hidden = true;
    page.classList.remove('stale');
  }

  // ---- once a second

  async function ask(options) {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), PATIENCE);
    try {
      const answer = await fetch(location.pathname + location.search, { cache: 'no-store', signal: abort.signal, ...options });
      return { ok: answer.ok, status: answer.status, text: await answer.text() };
    } finally {
      clearTimeout(timer);
    }
  }

  async function refresh() {
    if (busy) { return; }
    busy = true;
    try {
      const answer = await ask({ headers: { Accept: 'text/html' } });
      const fresh = new DOMParser().parseFromString(answer.text, 'text/html');
      if (!answer.ok || !fresh.getElementById('limits')) { throw new Error('status ' + answer.status); }
      if (fresh.documentElement.dataset.version !== page.dataset.version) {
        location.reload();
        return;
      }
      show(fresh);
    } catch (failure) {
      live.textContent = 'Not live';
      const text = 'No answer from the application. These numbers are those of ' + seen + '. Trying again every second.';
      if (lost.textContent !== text) { lost.textContent = text; }
      lost.hidden = false;
      page.classList.add('stale');
    } finally {
      busy = false;
    }
  }

  async function again() {
    if (!document.hidden) { await refresh(); }
    setTimeout(again, PERIOD);
  }

  // ---- resizing

  async function resize(form) {
    const input = form.elements.capacity;
    const output = form.querySelector('output');
    const limiter = form.dataset.limiter;
    const capacity = input.value.trim();
    if (capacity === '0' && !confirm('With capacity 0 nobody is admitted to ' + limiter + ' any more. Do that?')) { return; }
    try {
      const answer = await ask({
        method: 'POST',
        headers: { 'X-Weir-Action': 'resize' },
        body: new URLSearchParams({ limiter, capacity }),
      });
      output.className = answer.ok ? '' : 'wrong';
      output.textContent = (answer.ok || answer.text ? answer.text : 'status ' + answer.status).trim();
      if (answer.ok) { input.defaultValue = input.value = capacity; }
    } catch (failure) {
      output.className = 'wrong';
      output.textContent = 'No answer from the application; it may or may not have resized.';
    }
    await refresh();
  }

  document.addEventListener('submit', event => {
    event.preventDefault();
    resize(event.target);
  });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) { refresh(); } });
  page.classList.add('js');
  again();
})();
