// One SharedWorker per browser profile. It holds the ONE EventSource of all tabs, knows the user's live cards as state,
// and decides which single tab shows them. A browser without SharedWorker runs this same file inside each tab (app.js).
//
// Tab to worker:  hello {url, user, seen}  used {seen}  ack  pin {call, on}  saved {call}  dismiss {call}  bye
// Worker to tab:  show {calls, skew}  badge {n}  hide  link {up}  version {version}  lead {lead, late, show, skew}
//                 message {}  notice {notice, show, skew}
const ACK_MS = 1500; // a tab that does not take its cards within this time is frozen or gone
const ELSEWHERE_MS = 3000; // how long "answered by Noa" stays
const SAVED_MS = 1200; // how long "saved" stays after the end of the call
const RELOAD_MS = 700; // a tab with a half-written note that went away may only be reloading
const RETRY_MS = 2000;
const RETRY_MAX_MS = 60000;
const WATCH_MS = 3000; // how often it is looked whether the stream still lives

const tabs = new Map(); // port -> time the tab was last used; 0 = never seen by its user, -1 = it did not answer
const calls = new Map(); // call id -> card: live ones, and ended ones whose note is not finished
const pins = new Map(); // call id -> port of the tab that holds its half-written note
const gone = new Set(); // dismissed calls: later news of them does not bring the card back
let owner = null; // port of the tab that shows the cards
let user = null;
let url = "";
let source = null;
let skew = 0; // this computer's clock minus the server's, in ms
let version = "";
let retry = RETRY_MS;
let retryTimer = 0;
let ackTimer = 0;
let heardAt = 0; // when the stream last said anything
let silentMs = 0; // so long it may say nothing; 0: not known yet

const send = (port, message) => {
  try {
    port.postMessage(message);
  } catch {
    tabs.delete(port);
  }
};
const tellAll = (message, but) => tabs.forEach((_, port) => port !== but && send(port, message));

// ------------------------------------------------------------------ which tab
function elect() {
  for (const port of pins.values()) if (tabs.has(port)) return port;
  let best = null; // the tab used last wins
  for (const [port, seen] of tabs) if (!best || seen > tabs.get(best)) best = port;
  return best;
}

// Every card is in exactly one tab; the others get a badge.
function place() {
  const next = elect();
  if (!next) {
    owner = null;
    return;
  }
  if (owner && owner !== next) send(owner, { t: "hide" });
  owner = next;
  tellAll({ t: "badge", n: calls.size }, owner);
  send(owner, { t: "show", calls: [...calls.values()], skew });
  clearTimeout(ackTimer);
  if (!calls.size || tabs.size < 2) return;
  // No ack: take the cards back and try the next tab. Messages to one port keep their order, so a card can never stay
  // in two tabs. What was typed in the silent tab is on the server as a draft.
  ackTimer = setTimeout(() => {
    if (tabs.has(next)) tabs.set(next, -1);
    release(next);
    send(next, { t: "hide" });
    owner = null;
    place();
  }, ACK_MS);
}

function release(port) {
  let held = false;
  for (const [id, holder] of pins) {
    if (holder !== port) continue;
    pins.delete(id);
    if (calls.has(id)) calls.get(id).draft = true;
    held = true;
  }
  return held;
}

// ------------------------------------------------------------------ which cards
function begin(card) {
  if (gone.has(card.call)) return;
  if (card.state === "ringing" && !calls.has(card.call)) {
    // A new call: what only waits for a note that nobody began makes room.
    for (const [id, old] of calls) if (old.state === "ended" && !unfinished(id, old)) calls.delete(id);
  }
  calls.set(card.call, { ...calls.get(card.call), by: "", leaving: false, ...card });
}

const unfinished = (id, card) => pins.has(id) || card.note_open || card.draft;

function finish(id, news = {}) {
  const card = calls.get(id);
  if (!card) {
    if (news.note_open) begin(news);
    return;
  }
  const was = card.state;
  if (news.reason === "saved") {
    saved(id);
    return;
  }
  Object.assign(card, { note_open: false }, news, { state: "ended" });
  if (card.saved) drop(id, SAVED_MS);
  else if (unfinished(id, card) || was === "answered") return; // "finish your note"
  else if (was === "ringing" && card.by) drop(id, ELSEWHERE_MS);
  else if (!card.leaving) calls.delete(id);
}

function drop(id, after) {
  const card = calls.get(id);
  card.leaving = true;
  setTimeout(() => {
    if (calls.get(id) !== card || pins.has(id)) return;
    calls.delete(id);
    place();
  }, after);
}

function saved(id) {
  const card = calls.get(id);
  pins.delete(id);
  if (!card) return;
  Object.assign(card, { saved: true, note_open: false, draft: false });
  if (card.state === "ended" && !card.leaving) drop(id, SAVED_MS);
}

function dismiss(id) {
  calls.delete(id);
  pins.delete(id);
  gone.add(id);
  if (gone.size > 200) gone.delete(gone.values().next().value);
}

// ------------------------------------------------------------------ the stream
function open() {
  if (!url || (source && source.readyState !== EventSource.CLOSED)) return;
  clearTimeout(retryTimer);
  const stream = (source = new EventSource(url));
  const on = (event, act) =>
    stream.addEventListener(event, (e) => {
      if (stream !== source) return; // a stream of the user who was signed in before
      heardAt = Date.now();
      act(JSON.parse(e.data));
    });
  const onCall = (event, act) =>
    on(event, (data) => {
      act(data);
      place();
    });
  stream.onopen = () => {
    if (stream !== source) return;
    retry = RETRY_MS;
    tellAll({ t: "link", up: true });
  };
  stream.onerror = () => {
    if (stream !== source) return;
    tellAll({ t: "link", up: false });
    // The browser joins again by itself after a broken connection, but gives up for good after an HTTP error, such as
    // a proxy's 502 while the server restarts.
    if (stream.readyState !== EventSource.CLOSED) return;
    retryTimer = setTimeout(open, retry + Math.random() * 1000);
    retry = Math.min(retry * 2, RETRY_MAX_MS);
  };
  on("ping", () => {});
  on("hello", (data) => {
    skew = Date.now() - data.now;
    silentMs = data.ping_s * 2500;
    version = data.version;
    tellAll({ t: "version", version });
  });
  onCall("sync", (list) => {
    const live = new Set(list.map((card) => card.call));
    for (const id of [...calls.keys()]) if (!live.has(id)) finish(id);
    list.forEach(begin);
  });
  onCall("call.ringing", begin);
  onCall("call.answered", begin);
  onCall("call.ended", (card) => finish(card.call, card));
  onCall("call.noted", (card) => {
    const known = calls.get(card.call);
    if (known) known.note_open = card.note_open;
    else if (card.state) begin(card);
  });
  onCall("call.saved", (card) => saved(card.call));
  onCall("call.dismissed", (card) => dismiss(card.call));
  on("message.new", () => tellAll({ t: "message" }));
  on("rule.notice", (notice) => tellOne({ t: "notice", notice }));
  for (const event of ["lead.new", "lead.late"]) on(event, (lead) => tellOne({ t: "lead", lead, late: event === "lead.late" }));
}

// Every tab hears of it, one shows it.
function tellOne(message) {
  const shows = elect();
  tabs.forEach((_, port) => send(port, { ...message, show: port === shows, skew }));
}

// A computer that slept, or a network that was changed, leaves a stream that nobody ends: the browser would wait for
// minutes while phones ring.
setInterval(() => {
  if (!silentMs || source?.readyState !== EventSource.OPEN || Date.now() - heardAt < silentMs) return;
  tellAll({ t: "link", up: false });
  close();
  open();
}, WATCH_MS);

function close() {
  source?.close();
  source = null;
  clearTimeout(retryTimer);
}

// ------------------------------------------------------------------ what tabs say
const told = {
  hello(port, m) {
    if (m.user !== user) {
      // Another person signed in in this browser, or nobody is: nothing of the former one may stay.
      close();
      tellAll({ t: "hide" });
      tellAll({ t: "version", version: "another person" });
      for (const known of [tabs, calls, pins, gone]) known.clear();
      owner = null;
      user = m.user;
    }
    url = m.url;
    tabs.set(port, m.seen);
    retry = RETRY_MS;
    open();
    send(port, { t: "link", up: source?.readyState === EventSource.OPEN });
    if (version) send(port, { t: "version", version });
    place();
  },
  used(port, m) {
    if (!tabs.has(port)) return; // a page of the person before
    tabs.set(port, m.seen);
    if (port !== owner && calls.size) place();
  },
  ack: () => clearTimeout(ackTimer),
  pin(port, m) {
    const card = calls.get(m.call);
    if (!card || !m.on) {
      pins.delete(m.call);
      return;
    }
    pins.set(m.call, port);
    Object.assign(card, { saved: false, leaving: false });
  },
  saved: (port, m) => saved(m.call),
  dismiss(port, m) {
    dismiss(m.call);
    place();
  },
  bye(port) {
    tabs.delete(port);
    const held = release(port);
    if (!tabs.size) close();
    if (port !== owner) return;
    owner = null;
    clearTimeout(ackTimer);
    if (held) setTimeout(place, RELOAD_MS);
    else if (calls.size) place();
  },
};

self.onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => told[data.t]?.(port, data);
};
