// A page in another product's frame. It comes before app.js and gives it what a frame has not: no cookie counts here, so the
// stream is fetched with the header of this page's session; and no worker is shared with pages that have other sessions.
//
// To the parent:    {source: "hub", v: 1, type, data}, always for its one origin: ready, call.ringing, call.answered,
//                   call.ended, customer.open, session.ended
// From the parent:  {type: "dial", number}, {type: "customer.show", id} or {…, number}; from this origin and window only
{
  const { embed: origin, shown, over } = document.body.dataset;
  const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
  const NUMBER = /^\+?[\d\s().\-/*#]{2,40}$/;
  const HEARD = ["hello", "ping", "sync"]; // and all of calls; what is about other things has no place here
  const tell = (type, data = {}) => parent.postMessage({ source: "hub", v: 1, type, data }, origin);
  const auth = () => JSON.parse(document.body.getAttribute("hx-headers:inherited"));
  const find = (selector) => document.querySelector(selector);
  let isOver = false;

  function end(reason) {
    if (isOver) return;
    isOver = true;
    const notice = find("#over");
    if (notice) {
      find("#pop")?.replaceChildren();
      find("#customer").replaceChildren();
      find("main").hidden = true;
      notice.hidden = false;
    }
    tell("session.ended", { reason });
  }

  // ------------------------------------------------------------------ what the parent is told of calls
  const told = new Map(); // call id -> the state that was told
  const WORDS = ["call", "direction", "number", "name", "company", "match", "by", "reason"];

  function tellOf(card) {
    const before = told.get(card.call);
    if (!card.state || before === card.state || (card.state === "ended" && !before)) return;
    if (card.state === "ended") told.delete(card.call);
    else told.set(card.call, card.state);
    tell("call." + card.state, Object.fromEntries(WORDS.map((name) => [name, String(card[name] ?? "")])));
  }

  function hear(event, data) {
    if (event.startsWith("call.")) tellOf(data);
    if (event !== "sync") return;
    const live = new Set(data.map((card) => card.call));
    for (const call of [...told.keys()]) if (!live.has(call)) tellOf({ call, state: "ended", reason: "gone" });
    data.forEach(tellOf);
  }

  // ------------------------------------------------------------------ the stream: an EventSource that can send a header
  class Source extends EventTarget {
    static OPEN = 1;
    static CLOSED = 2;
    readyState = 0;
    #cut = new AbortController();

    constructor(url) {
      super();
      this.#read(url);
    }

    async #read(url) {
      try {
        const answer = await fetch(url, { headers: auth(), credentials: "omit", cache: "no-store", signal: this.#cut.signal });
        if (answer.status === 401) {
          this.close();
          end("session");
          return;
        }
        if (answer.ok) await this.#take(answer.body.pipeThrough(new TextDecoderStream()).getReader());
      } catch {
        // Cut off: as after any other end, the worker opens a new one, with growing pauses.
      }
      if (this.readyState === Source.CLOSED) return;
      this.close();
      this.onerror?.();
    }

    async #take(reader) {
      this.readyState = Source.OPEN;
      this.onopen?.();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) this.#say(block);
      }
    }

    #say(block) {
      const lines = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (!HEARD.includes(lines.event) && !lines.event?.startsWith("call.")) return;
      this.dispatchEvent(new MessageEvent(lines.event, { data: lines.data }));
      hear(lines.event, JSON.parse(lines.data));
    }

    close() {
      this.readyState = Source.CLOSED;
      this.#cut.abort();
    }
  }

  self.EventSource = Source;
  // The worker's file runs in the page itself.
  self.SharedWorker = class {
    constructor(url) {
      const { port1, port2 } = new MessageChannel();
      this.port = port1;
      import(url).then(() => self.onconnect({ ports: [port2] }));
    }
  };
  // A browser that keeps nothing for frames of other sites throws where it is asked.
  try {
    sessionStorage.length;
  } catch {
    const kept = new Map();
    const value = { getItem: (key) => kept.get(key) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) };
    Object.defineProperty(self, "sessionStorage", { value });
  }

  // ------------------------------------------------------------------ customers
  async function show(path, byPerson) {
    if (isOver) return;
    await htmx.ajax("GET", path, { source: "#customer", target: "#customer", swap: "innerHTML" });
    const card = find("#customer [data-customer]");
    if (!byPerson || isOver) return;
    find("#customer h2")?.focus();
    if (card) tell("customer.open", { id: card.dataset.customer, records: JSON.parse(card.dataset.records) });
  }

  document.addEventListener("click", (e) => {
    const link = e.target.closest("a[href]");
    if (!link || !link.protocol.startsWith("http")) return;
    const [, place, id] = link.origin === location.origin ? link.pathname.split("/") : [];
    if (place === "customers" && ID.test(id) && !("out" in link.dataset) && !e.ctrlKey && !e.metaKey && !e.shiftKey) {
      e.preventDefault();
      show("/embed/customers/" + id, true);
      return;
    }
    link.target = "_blank"; // pages of the hub do not open in frames
    link.rel = "noopener noreferrer";
  });

  document.addEventListener("htmx:before:swap", (e) => {
    if (e.detail.ctx.response?.status !== 401) return;
    e.preventDefault();
    end("session");
  });

  // ------------------------------------------------------------------ what the parent says
  const asked = {
    // The function of app.js behind each number on the page; the person's own phone rings first.
    dial: ({ number }) => isNumber(number) && document.body.dataset.dialPath && dial({ dataset: { dial: number } }),
    "customer.show"({ id, number }) {
      if (typeof id === "string" && id.length === 36 && ID.test(id)) show("/embed/customers/" + id, false);
      else if (isNumber(number)) show("/embed/customers?number=" + encodeURIComponent(number), false);
    },
  };
  const isNumber = (text) => typeof text === "string" && text.length <= 41 && NUMBER.test(text);

  addEventListener("message", (e) => {
    if (e.source !== parent || e.origin !== origin || isOver) return;
    const said = e.data;
    if (typeof said !== "object" || said === null || typeof said.type !== "string") return;
    if (Object.hasOwn(asked, said.type)) asked[said.type](said);
  });

  document.addEventListener("DOMContentLoaded", () => (over ? end(over) : tell("ready", { page: shown })));
}
