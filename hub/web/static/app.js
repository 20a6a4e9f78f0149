// No framework. htmx fetches the server's partials; this file does the call cards, click-to-dial, the shortcuts and the
// audio player. It holds no words of its own: those come from the page, in data-*.
const $ = (selector, root = document) => root.querySelector(selector);
const page = document.body.dataset;
const title = document.title;
const dock = $("#dock");
const pop = $("#pop");
const say = $("#say");
const badge = $("#badge");
const link = $("#link");
const words = dock?.dataset ?? {};
const LONGEST = 200; // characters of a name on a card
const DRAFT_MS = 600;
const DRAFT_AGAIN_MS = 3000; // after the server could not keep it
const TOAST_MS = 10000;
let usedAt = document.hidden ? 0 : Date.now() + Math.random(); // the fraction keeps two tabs from being equal
let skew = 0;

const csrf = () => JSON.parse(document.body.getAttribute("hx-headers:inherited") ?? "{}");
const callPath = (id, what) => `/calls/${encodeURIComponent(id)}/${what}`;
// `keepalive` lets it arrive although the page is going away.
const post = (path, form = new URLSearchParams()) =>
  fetch(path, { method: "POST", body: form, headers: { ...csrf(), "HX-Request": "true" }, keepalive: true });

// ------------------------------------------------------------------ what the bus tells this tab
const told = {
  link(m) {
    link.dataset.up = m.up;
    link.title = m.up ? link.dataset.on : link.dataset.off;
    $(".link-text", link).textContent = link.title;
    if (m.up) catchUp();
  },
  version(m) {
    $("#reload").hidden = !m.version || m.version === page.version;
  },
  badge(m) {
    told.hide();
    badge.hidden = !m.n;
    $("b", badge).textContent = m.n;
    document.title = m.n ? "☎ " + title : title;
  },
  hide() {
    for (const card of [...pop.children]) remove(card);
    settle();
  },
  show(m) {
    skew = m.skew;
    badge.hidden = true;
    const shown = new Set(m.calls.map((call) => call.call));
    const over = [...pop.children].filter((card) => !shown.has(card.dataset.call));
    over.forEach(remove);
    if (over.length) document.body.dispatchEvent(new Event("calls-changed"));
    // Oldest first: each new card goes on top, and no card that is there is moved, so typing goes on undisturbed.
    for (const call of m.calls) draw(cardOf(call.call) ?? addCard(call), call);
    settle();
    if (m.calls.length) bus.post({ t: "ack" });
  },
  message() {
    document.body.dispatchEvent(new Event("messages-changed"));
  },
  lead(m) {
    skew = m.skew;
    document.body.dispatchEvent(new Event("leads-changed"));
    if (m.show) showLead(m.lead, m.late);
  },
  notice(m) {
    skew = m.skew;
    document.body.dispatchEvent(new Event("notices-changed"));
    if (m.show) showNotice(m.notice);
  },
};

const cardOf = (id) => [...pop.children].find((card) => card.dataset.call === id);
const idOf = (element) => element.closest("[data-call]").dataset.call;

function settle() {
  const n = pop.children.length;
  dock.dataset.cards = n;
  $("#no-call").hidden = n > 0;
  document.title = n ? "☎ " + title : title;
}

function remove(card) {
  flushDraft(card.dataset.call);
  notices.get(card.dataset.call)?.close();
  notices.delete(card.dataset.call);
  if (card.contains(document.activeElement)) $("main").focus({ preventScroll: true });
  card.remove();
}

// ------------------------------------------------------------------ the card
// Characters that would turn the text around them, also out of a <bdi>, and such that show nothing.
const inert = (text) =>
  String(text ?? "")
    .replace(/[\u202a-\u202e\u2066-\u2069\u0000-\u001f\u007f-\u009f]/g, "")
    .slice(0, LONGEST);
const fill = (sentence, name) => sentence.replace("{name}", () => inert(name));

function kicker(call) {
  if (call.state === "ended") {
    const sentence = call.by ? { elsewhere: words.by, transferred: words.transferred }[call.reason] : null;
    return sentence ? fill(sentence, call.by) : words.ended;
  }
  if (call.consult_by) return fill(words.consult, call.consult_by);
  if (call.state === "answered") return words.answered;
  return words[call.direction] ?? words.inbound;
}

function glyph(call) {
  if (call.state === "ended") return "phone-off";
  if (call.state === "answered") return "phone-call";
  return { outbound: "phone-outgoing", internal: "phone" }[call.direction] ?? "phone-incoming";
}

const nameOf = (call) => inert(call.name) || (call.number ? words.unknown : words.withheld);

function addCard(call) {
  // Stage 1, no request: name and number come with the event.
  const card = $("#card-tpl").content.firstElementChild.cloneNode(true);
  card.dataset.call = call.call;
  pop.prepend(card);
  draw(card, call);
  markWhenPainted("call-number", call);
  say.textContent = [kicker(call), nameOf(call), inert(call.number)].filter(Boolean).join(", ");
  load(card).then(() => markWhenPainted("call-card", call));
  if (call.state === "ringing" && call.direction !== "outbound") notify(call);
  return card;
}

// Stage 2: the rest of the card from the server. The body is the source too, so that two cards load side by side.
async function load(card) {
  const body = $("[data-body]", card);
  await htmx.ajax("GET", callPath(card.dataset.call, "card"), { source: body, target: body, swap: "innerHTML" });
  recall(card.dataset.call);
}

// A card that was asked for before somebody began to write comes too late: what is being written stays.
document.addEventListener("htmx:before:swap", (e) => {
  const body = e.detail.ctx.sourceElement;
  if (body?.matches?.("[data-body]") && dirty.has(idOf(body))) e.preventDefault();
});

function draw(card, call) {
  const before = card.dataset.known;
  card.dataset.known = [call.name, call.match, call.party].join();
  card.dataset.state = call.state;
  card.dataset.answered = call.state === "answered" ? call.answered_ms || call.t0 : "";
  $(".call-icon use", card).setAttribute("href", page.icons + "#" + glyph(call));
  $("[data-kicker]", card).textContent = kicker(call);
  $("[data-name]", card).textContent = nameOf(call);
  $("[data-number]", card).textContent = inert(call.number);
  $("[data-company]", card).textContent = inert(call.company);
  $("[data-maybe]", card).hidden = call.match !== "maybe";
  $(".numline", card).hidden = !call.number && !call.company;
  tick();
  if (before && before !== card.dataset.known && !dirty.has(call.call) && !card.contains(document.activeElement)) {
    load(card); // meanwhile somebody said whose number it is
  }
}

function tick() {
  for (const card of pop.children) {
    const since = Number(card.dataset.answered);
    const timer = $("[data-timer]", card);
    timer.hidden = !since;
    if (!since) continue;
    const s = Math.max(0, Math.floor((Date.now() - skew - since) / 1000));
    const text = `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
    if (timer.textContent !== text) timer.textContent = text;
  }
}
if (pop) setInterval(tick, 1000);

const notices = new Map(); // call id -> system notification
function notify(call) {
  if (page.sound === "on") beep();
  if (!("Notification" in window) || Notification.permission !== "granted" || document.hasFocus()) return;
  const notice = new Notification(nameOf(call), {
    tag: "call-" + call.call,
    body: [kicker(call), inert(call.number)].filter(Boolean).join(" · "),
    dir: document.dir,
    lang: document.documentElement.lang,
  });
  notice.onclick = () => window.focus();
  notices.set(call.call, notice);
}

function beep() {
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const loud = audio.createGain();
  loud.gain.value = 0.1;
  tone.frequency.value = 660;
  tone.connect(loud).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.25);
  tone.onended = () => audio.close();
}

// Marks for the performance budget: performance.timeOrigin + startTime - detail.t0 is the delay.
function markWhenPainted(name, call) {
  requestAnimationFrame(() => setTimeout(() => performance.mark(name, { detail: { call: call.call, t0: call.t0 } })));
}

// ------------------------------------------------------------------ new leads: a notice with a clock, until it is closed
const news = $("#news");
const MOST_NEWS = 3;

function showLead(lead, late) {
  const notice = $("#news-tpl").content.firstElementChild.cloneNode(true);
  const name = inert(lead.name) || inert(lead.number);
  $("[data-what]", notice).textContent = late ? news.dataset.late : news.dataset.new;
  $("[data-since]", notice).dataset.since = lead.created_ms;
  $("[data-open]", notice).href = "/leads/" + encodeURIComponent(lead.id);
  $("[data-name]", notice).textContent = name || news.dataset.new;
  $("[data-source]", notice).textContent = inert(lead.source);
  const number = $("[data-number]", notice);
  number.textContent = inert(lead.number);
  if (lead.number) number.href = "tel:" + inert(lead.number);
  addNews(notice, lead.id);
  if (page.sound === "on") beep();
  requestAnimationFrame(() => setTimeout(() => performance.mark("lead", { detail: { lead: lead.id, t0: lead.created_ms } })));
}

// What a rule tells: it stays on My day until it is put away there or here.
function showNotice(one) {
  const notice = $("#notice-tpl").content.firstElementChild.cloneNode(true);
  $("[data-since]", notice).dataset.since = one.created_ms;
  $("[data-open]", notice).href = one.party ? "/customers/" + encodeURIComponent(one.party) : "/";
  $("[data-name]", notice).textContent = inert(one.text);
  addNews(notice, one.id);
}

function addNews(notice, id) {
  notice.dataset.news = id;
  for (const old of news.children) if (old.dataset.news === id) old.remove();
  news.prepend(notice);
  while (news.children.length > MOST_NEWS) news.lastElementChild.remove();
  runClocks();
}

function runClocks() {
  for (const clock of document.querySelectorAll("[data-since]:not([data-since=''])")) {
    const s = Math.max(0, Math.floor((Date.now() - skew - Number(clock.dataset.since)) / 1000));
    const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
    const text = (h ? `${h}:${String(m).padStart(2, "0")}` : m) + ":" + String(s % 60).padStart(2, "0");
    if (clock.textContent !== text) clock.textContent = text;
  }
}
if (pop) setInterval(runClocks, 1000);

// ------------------------------------------------------------------ the note: pinned while half written, draft on the server
const dirty = new Map(); // call id -> timer of its draft
const noteOf = (id) => cardOf(id) && $("form.note", cardOf(id));

function wrote(form) {
  const id = idOf(form);
  bus.post({ t: "pin", on: true, call: id });
  clearTimeout(dirty.get(id));
  dirty.set(id, setTimeout(flushDraft, DRAFT_MS, id));
}

async function flushDraft(id) {
  const form = noteOf(id);
  if (!dirty.has(id)) return;
  const timer = dirty.get(id);
  clearTimeout(timer);
  if (!form) {
    dirty.delete(id);
    return;
  }
  try {
    const answer = await post(callPath(id, "draft"), new URLSearchParams(new FormData(form)));
    if (dirty.get(id) !== timer) return; // more was written meanwhile
    if (answer.ok) dirty.delete(id);
    else if (answer.status >= 500) dirty.set(id, setTimeout(flushDraft, DRAFT_AGAIN_MS, id));
  } catch {
    // The server is away: the text stays on the page, and catchUp sends it when the stream is back.
  }
}

// A reload may be quicker than the draft on its way to the server: this tab remembers it meanwhile.
const unsent = () => JSON.parse(sessionStorage.getItem("unsent") ?? "{}");

function remember() {
  const drafts = {};
  for (const id of dirty.keys()) {
    const form = noteOf(id);
    if (form) drafts[id] = [...new FormData(form)].filter(([name]) => name !== "csrf_token");
  }
  if (Object.keys(drafts).length) sessionStorage.setItem("unsent", JSON.stringify({ user: page.user, drafts }));
}

function recall(id) {
  const { user, drafts } = unsent();
  const form = noteOf(id);
  if (!drafts?.[id] || user !== page.user || !form) return;
  for (const [name, value] of drafts[id]) if (form.elements[name]) form.elements[name].value = value;
  delete drafts[id];
  sessionStorage.setItem("unsent", JSON.stringify({ user, drafts }));
  wrote(form);
}

function catchUp() {
  for (const id of dirty.keys()) flushDraft(id);
  for (const card of pop.children) if ($(".skel", card)) load(card);
}

document.addEventListener("htmx:after:swap", () => {
  for (const card of pop?.children ?? []) {
    if (!$("[data-saved]", card)) continue;
    clearTimeout(dirty.get(card.dataset.call));
    dirty.delete(card.dataset.call);
    bus.post({ t: "saved", call: card.dataset.call });
  }
});

function dismiss(element) {
  const id = idOf(element);
  flushDraft(id);
  post(callPath(id, "dismiss")).catch(() => {}); // other browsers keep their card then; it does no harm
  bus.post({ t: "dismiss", call: id });
}

if (pop) {
  const typed = (e) => e.target.closest("form.note") && wrote(e.target.closest("form.note"));
  pop.addEventListener("input", typed);
  pop.addEventListener("change", typed);
}

// ------------------------------------------------------------------ the bus: one stream a browser
const bus = "SharedWorker" in window ? workerBus() : tabBus();

function workerBus() {
  const worker = new SharedWorker(page.worker, { name: "hub-bus" });
  worker.port.onmessage = ({ data }) => pop && told[data.t](data);
  return { post: (m) => worker.port.postMessage(m) };
}

// Old browsers: the worker's file runs in each tab, with a stream of its own; the tabs agree by BroadcastChannel who
// shows the cards: the highest claim.
function tabBus() {
  const { port1: near, port2: far } = new MessageChannel();
  const channel = new BroadcastChannel("hub-pop");
  const me = Math.random();
  const claims = new Map(); // other tab -> its claim
  const pinned = new Set();
  const heard = new Set(); // who claimed since we asked
  let shown = null; // the last `show` of our own worker
  let timer = 0;
  let asked = 0;
  const mine = () => (pinned.size ? Infinity : usedAt);
  const claim = () => channel.postMessage({ tab: me, seen: mine(), user: page.user });
  const elsewhere = () => [...claims.values()].some((seen) => seen > mine());
  const decide = () => {
    if (!shown) return;
    if (elsewhere()) told.badge({ n: shown.calls.length });
    else told.show(shown);
  };
  // A tab that was killed said no bye: who has only the badge asks whether the one with the card is still there.
  const ask = (patience) => {
    if (!shown?.calls.length || !elsewhere()) return;
    heard.clear();
    channel.postMessage({ ask: true, user: page.user });
    clearTimeout(asked);
    asked = setTimeout(() => {
      for (const tab of claims.keys()) if (!heard.has(tab)) claims.delete(tab);
      decide();
    }, patience);
  };
  setInterval(() => ask(1500), 3000);
  near.onmessage = ({ data }) => {
    if (!pop) return;
    if (data.t !== "show") {
      told[data.t](data);
      return;
    }
    const news = data.calls.some((call) => !shown?.calls.some((old) => old.call === call.call));
    shown = data;
    if (news) {
      claim();
      ask(500); // until then the claims that are known hold: tabs hear of one call at different moments
    }
    clearTimeout(timer);
    timer = setTimeout(decide, news ? 60 : 0);
  };
  channel.onmessage = ({ data }) => {
    if (data.user !== page.user) return;
    if (data.m) {
      near.postMessage(data.m); // said in another tab, true for all
      return;
    }
    if (data.ask) {
      claim();
      return;
    }
    heard.add(data.tab);
    const known = claims.get(data.tab);
    claims.set(data.tab, data.seen);
    if (known !== data.seen && mine() > data.seen) claim();
    decide();
  };
  const ready = import(page.worker).then(() => self.onconnect({ ports: [far] }));
  return {
    post(m) {
      if (m.t === "pin") pinned.add(m.call);
      if (m.t === "saved" || m.t === "dismiss") {
        pinned.delete(m.call);
        channel.postMessage({ m, user: page.user });
      }
      if (m.t === "bye") channel.postMessage({ tab: me, seen: -1, user: page.user });
      else if (m.t !== "ack") claim();
      if (m.t === "used") decide();
      ready.then(() => near.postMessage(m));
    },
  };
}

const hello = () => bus.post({ t: "hello", url: page.events, user: page.user, seen: usedAt });
const used = () => {
  usedAt = Date.now() + Math.random();
  bus.post({ t: "used", seen: usedAt });
};

hello();
if (pop) {
  addEventListener("focus", used);
  addEventListener("pointerdown", used, true);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) used();
    else for (const id of dirty.keys()) flushDraft(id);
  });
}
if (unsent().user !== page.user) sessionStorage.removeItem("unsent");
addEventListener("pagehide", () => {
  remember();
  for (const id of dirty.keys()) flushDraft(id);
  bus.post({ t: "bye" });
});
addEventListener("pageshow", (e) => e.persisted && hello());

// ------------------------------------------------------------------ clicks
const clicks = {
  "[data-dismiss]": (button) => dismiss(button),
  "[data-expand]"(button) {
    const card = button.closest("[data-call]");
    card.toggleAttribute("data-open");
    button.setAttribute("aria-expanded", card.hasAttribute("data-open"));
  },
  async "[data-forget]"(button) {
    const notice = button.closest("[data-news]");
    notice.remove();
    if (!button.matches("[data-away]")) return;
    await post(`/notices/${encodeURIComponent(notice.dataset.news)}/away`);
    document.body.dispatchEvent(new Event("notices-changed"));
  },
  "[data-put-away]"(button) {
    const row = button.closest("[data-notice]"); // none: all of them
    const ids = [...(row ? [row] : button.closest("section").querySelectorAll("[data-notice]"))].map((one) => one.dataset.notice);
    for (const card of [...news.children]) if (ids.includes(card.dataset.news)) card.remove();
  },
  "[data-dialog]"(button, e) {
    e.preventDefault(); // a link leads to the same question as a page, for those without this file
    document.getElementById(button.dataset.dialog).showModal();
  },
  "[data-close]": (button) => button.closest("dialog")?.close(),
  "#toast [data-close]": () => $("#toast-body").replaceChildren(),
  // Enter in an input presses the first button of a form; in these rows the button beside the input is meant.
  "[data-first]"(button, e) {
    const beside = document.activeElement.closest("[data-enter]");
    if (!beside) return;
    e.preventDefault();
    $("button", beside).click();
  },
  "[data-reveal]"(button) {
    const field = document.getElementById(button.dataset.reveal);
    field.type = field.type === "password" ? "text" : "password";
    const other = button.dataset.hide;
    button.dataset.hide = button.textContent;
    button.textContent = other;
  },
  "[data-ask-notifications]": () => "Notification" in window && Notification.requestPermission(),
  "[data-ask-tel]": (button) => navigator.registerProtocolHandler("tel", location.origin + button.dataset.askTel),
  "[data-skip]"(button) {
    $("audio", button.closest(".player")).currentTime += Number(button.dataset.skip);
  },
  "[data-rate]"(button) {
    const audio = $("audio", button.closest(".player"));
    audio.playbackRate = audio.playbackRate >= 2 ? 1 : audio.playbackRate + 0.5;
    $("span", button).textContent = audio.playbackRate + "×";
  },
};

document.addEventListener("click", (e) => {
  for (const [selector, act] of Object.entries(clicks)) {
    const element = e.target.closest(selector);
    if (element) act(element, e);
  }
  const number = e.target.closest("a[href^='tel:'],[data-dial]:not(body)");
  if (number && page.dialPath && !e.ctrlKey && !e.metaKey && !e.shiftKey && e.button === 0) {
    e.preventDefault();
    dial(number);
  }
});

for (const button of document.querySelectorAll("[data-reveal]")) button.hidden = false; // works only with this file

// Only one recording at a time.
document.addEventListener(
  "play",
  (e) => {
    for (const audio of document.querySelectorAll("audio")) if (audio !== e.target) audio.pause();
  },
  true,
);

for (const part of document.querySelectorAll("[data-dials]")) part.hidden = !navigator.registerProtocolHandler;

// ------------------------------------------------------------------ click-to-dial, and what the server says to it
function dial(element) {
  const values = { number: element.dataset.dial || decodeURIComponent(element.getAttribute("href").slice(4)) };
  if (element.dataset.party) values.party = element.dataset.party;
  htmx.ajax("POST", page.dialPath, { source: "#toast", target: "#toast-body", swap: "innerHTML", values, headers: csrf() });
}

let toastTimer = 0;
const toast = $("#toast");
function hideToastLater() {
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    if (toast.matches(":hover, :focus-within")) hideToastLater();
    else $("#toast-body").replaceChildren();
  }, TOAST_MS);
}
document.addEventListener("htmx:after:swap", (e) => e.target.closest?.("#toast") && hideToastLater());
document.addEventListener("htmx:error", (e) => {
  if (!toast || !e.detail.ctx) return; // not about a request
  $("#toast-body").textContent = toast.dataset.unreachable;
  hideToastLater();
});

// ------------------------------------------------------------------ what a page asks by itself, again and again
// Nobody sees a hidden tab, so it asks nothing; what it left out it asks once when it is shown again. htmx sends itself
// an `every` before each poll.
const leftOut = new Set();
document.addEventListener(
  "every",
  (e) => {
    if (!document.hidden) return;
    e.stopImmediatePropagation();
    leftOut.add(e.target);
  },
  true,
);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  const waiting = [...leftOut].filter((element) => element.isConnected);
  leftOut.clear();
  for (const element of waiting) htmx.trigger(element, "every", {}, false);
});

// ------------------------------------------------------------------ forms that are on their way
const sending = new WeakMap();
document.addEventListener("htmx:before:request", (e) => {
  const { sourceElement: form, target } = e.detail.ctx;
  target?.setAttribute("aria-busy", "true");
  e.detail.ctx.area = form.closest?.("article,dialog,main");
  if (!form.matches?.("form")) return;
  const disable = () => form.querySelectorAll("button:not([type=button])").forEach((button) => (button.disabled = true));
  sending.set(form, setTimeout(disable, 150));
});
document.addEventListener("htmx:finally:request", (e) => {
  const { sourceElement: form, target } = e.detail.ctx;
  target?.removeAttribute("aria-busy");
  clearTimeout(sending.get(form));
  if (form.matches?.("form")) form.querySelectorAll("button:disabled").forEach((button) => (button.disabled = false));
});
document.addEventListener("htmx:after:swap", (e) => {
  const { area, response } = e.detail.ctx ?? {};
  if (area && response?.status === 422) $("[aria-invalid=true]", area)?.focus();
});

// Keys go down a list quicker than answers come: the answer to an earlier choice would take the later one back.
document.addEventListener("htmx:before:request", (e) => {
  e.detail.ctx.chosen = e.detail.ctx.sourceElement.value;
});
document.addEventListener("htmx:before:swap", (e) => {
  const { sourceElement: list, chosen } = e.detail.ctx;
  if (list?.matches?.("select") && list.value !== chosen) e.preventDefault();
});

// ------------------------------------------------------------------ shortcuts
// `code` is the key's place, so letters work on Hebrew, Arabic and Russian layouts.
const keys = {
  Slash: () => $("#q").focus(),
  KeyP() {
    const card = pop.firstElementChild;
    if (!card) return false;
    $("h2", card).focus();
  },
  KeyJ: () => step(1),
  KeyK: () => step(-1),
  KeyR() {
    const retry = document.activeElement.closest("[data-row]")?.querySelector("[data-retry]");
    if (!retry) return false;
    retry.click();
  },
};

// A button of the page that says which key presses it.
function press(code) {
  const button = $(`main [data-key="${code}"]`);
  if (!button) return false;
  button.click();
}

function step(by) {
  const rows = [...document.querySelectorAll("main [data-row]")].filter((row) => row.offsetParent);
  if (!rows.length) return false;
  const at = rows.indexOf(document.activeElement.closest("[data-row]"));
  const next = rows[Math.min(Math.max(at + by, 0), rows.length - 1)];
  next.tabIndex = -1;
  next.focus();
}

document.addEventListener("keydown", (e) => {
  const typing = e.target.closest("input,textarea,select,[contenteditable]");
  if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
    const form = e.target.closest("[data-save]") ?? (typing?.form?.matches(".note") ? typing.form : null);
    if (form) {
      e.preventDefault();
      form.requestSubmit($("[data-default]", form));
      return;
    }
  }
  if (e.key === "Escape" && pop?.contains(e.target) && !$(":popover-open") && !$("dialog[open]")) {
    // A half-written note is not closed by a key that is pressed by chance: focus goes back, the card stays.
    if (!dirty.has(idOf(e.target)) && !$("textarea", e.target.closest("[data-call]"))?.value) dismiss(e.target);
    $("main").focus();
    return;
  }
  const found = e.target.closest("#q-page, #results [data-row]");
  if (found && (e.key === "ArrowDown" || e.key === "ArrowUp") && !(e.ctrlKey || e.metaKey || e.altKey || e.shiftKey)) {
    const isDown = e.key === "ArrowDown";
    if (isDown || found.id !== "q-page") {
      e.preventDefault();
      if (!isDown && found === $("#results [data-row]")) $("#q-page").focus();
      else step(isDown ? 1 : -1);
    }
    return;
  }
  if (e.key === "Enter" && e.target.matches("[data-row]")) {
    $("a[href],summary,button", e.target)?.click();
    return;
  }
  const isText = typing && !typing.matches("[type=radio],[type=checkbox]");
  if (isText || e.ctrlKey || e.metaKey || e.altKey || page.shortcuts === "off" || !pop) return;
  if (e.key === "?") $("#help").togglePopover();
  else if (e.shiftKey) return;
  else {
    const act = e.key === "/" ? keys.Slash : (keys[e.code] ?? (() => press(e.code)));
    if (act() === false) return;
  }
  e.preventDefault();
});
