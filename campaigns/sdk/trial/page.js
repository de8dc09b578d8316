// The page /try: subscribe, send, and see what came of it. It knows the service by its API alone.
//
// It needs, besides the API and the SDK: GET /try/configuration
// -> {"site": "site_1", "vapid_public_key": "B…", "key": "a key that may read and send", "url": "https://…"}

const LOOK_EVERY = 1000; // milliseconds
const SLOW = 4000; // milliseconds after which a browser that does not answer needs an explanation
const ACCEPTED_AFTER = 8000; // milliseconds that a push service may take
const SHOWN_AFTER = 20_000; // milliseconds that a browser may take to show what its push service has

const STATES = {
  default: "Not subscribed yet.",
  unsubscribed: "Not subscribed. Notifications of this page are allowed.",
  subscribed: "This browser is subscribed.",
  denied: "Notifications of this page are blocked: allow them by the icon left of the address, then reload.",
  unsupported: "This browser has no notifications, or the window is a private one: try another browser.",
  "install-first": "On iPhone and iPad add this page to the home screen first, and open it from there.",
};

/** Why a push has not been accepted, by the status of its outcome (docs/jobs.md, "Statuses"). */
const OUTCOMES = {
  expired: "The push service no longer knows this browser's subscription: unsubscribe, and subscribe again.",
  rejected: "The push service refuses this message.",
  unauthorized: "The push service refuses the key of this service.",
  invalid: "The worker cannot send to this browser's push service.",
  failed: "The push service is out of reach: a firewall may be in the way, or this machine is offline.",
  lapsed: "The message's time was over before it could be sent.",
  cancelled: "It was cancelled.",
};

const byId = (id) => document.getElementById(id);
let configuration = null;
let looking = 0; // which launch is looked at: a later one ends the earlier one's

async function begin() {
  configuration = await fetchJson("/try/configuration");
  byId("url").value = configuration.url;
  showCommand();
  const { site, vapid_public_key: vapidPublicKey } = configuration;
  return Pushmill.init({ site, vapidPublicKey, worker: "/try/worker.js", scope: "/try/" });
}

// ── Subscribe ─────────────────────────────────────────────────────────────────────────────────────────────

byId("subscribe").addEventListener("click", () => act(Pushmill.subscribe()));
byId("unsubscribe").addEventListener("click", () => act(Pushmill.unsubscribe()));

function act(done) {
  say("subscribe-status", "One moment…");
  const slow = setTimeout(explainSilence, SLOW);
  done
    .finally(() => clearTimeout(slow))
    .then(show, (error) => say("subscribe-status", error.message, true));
}

/** Browsers try for a minute and more to reach their push service, and tell the page nothing meanwhile. */
function explainSilence() {
  const asks = globalThis.Notification?.permission === "default";
  say("subscribe-status", asks ? ASKS : NOT_REACHED, !asks);
}

const ASKS = "Your browser asks whether this page may notify you: its question is near the address.";
const NOT_REACHED =
  "Your browser has not reached its own push service yet, and goes on trying: this machine may be offline, " +
  "or a firewall or VPN in the way.";

function show(state) {
  const subscribed = state === "subscribed";
  byId("subscribe").disabled = !["default", "unsubscribed"].includes(state);
  byId("unsubscribe").hidden = !subscribed;
  byId("send").disabled = !subscribed;
  say("subscribe-status", STATES[state], ["denied", "unsupported", "install-first"].includes(state));
}

// ── Send ──────────────────────────────────────────────────────────────────────────────────────────────────

byId("send-form").addEventListener("input", showCommand);
byId("send-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  say("send-status", "Sending…");
  try {
    const { launch, targeted } = await fetchJson(sendUrl(), {
      method: "POST",
      body: JSON.stringify(request()),
    });
    say("send-status", `On its way to ${targeted === 1 ? "one browser" : `${targeted} browsers`}.`);
    await look(launch);
  } catch (error) {
    say("send-status", error.message, true);
  }
});

const sendUrl = () => `/v1/sites/${configuration.site}/send`;

function request() {
  const [title, body, url] = ["title", "body", "url"].map((id) => byId(id).value);
  return { content: { title, url, ...(body && { body }) }, target: { all: true } };
}

function showCommand() {
  if (!configuration) return;
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  byId("command").textContent = [
    `curl ${location.origin}${sendUrl()}`,
    `-H ${quoted(`Authorization: Bearer ${configuration.key}`)}`,
    `-H ${quoted("Content-Type: application/json")}`,
    `-d ${quoted(JSON.stringify(request()))}`,
  ].join(" \\\n  ");
}

// ── What came of it ───────────────────────────────────────────────────────────────────────────────────────

async function look(launch) {
  const mine = ++looking;
  const begun = Date.now();
  while (mine === looking) {
    const counts = await fetchJson(`/v1/launches/${launch}/statistics`).catch((error) => error);
    if (mine !== looking) return;
    if (counts instanceof Error) say("came-status", counts.message, true);
    else report(counts, Date.now() - begun);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
  }
}

function report(counts, waited) {
  byId("accepted").textContent = counts.accepted;
  for (const id of ["shown", "clicks", "dismissed"]) byId(id).textContent = counts[id].first;
  const refused = Object.keys(counts.by_status).find((status) => OUTCOMES[status]);
  if (counts.clicks.first) say("came-status", "Clicked, and counted. That was the full circle.");
  else if (counts.shown.first) say("came-status", "It is on your screen: click it.");
  else if (counts.accepted)
    say("came-status", waited < SHOWN_AFTER ? "Accepted. Any moment now…" : NOT_SHOWN);
  else if (refused) say("came-status", OUTCOMES[refused], true);
  else
    say(
      "came-status",
      waited < ACCEPTED_AFTER ? "Waiting for the push service…" : NOT_ACCEPTED,
      waited >= ACCEPTED_AFTER,
    );
}

const NOT_SHOWN =
  "The push service has it, but this browser has not shown it: is it online, and does the system allow its " +
  "notifications (do not disturb, focus)?";
const NOT_ACCEPTED =
  "No answer from the push service yet: this machine may have no way to it. " +
  "It is tried again for as long as the message lives.";

// ── Both ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Say something in a step; again only if it has changed, so that no screen reader repeats it. */
function say(id, text, bad = false) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle("bad", bad);
}

async function fetchJson(url, how = {}) {
  const headers = { "Content-Type": "application/json" };
  if (configuration) headers.Authorization = `Bearer ${configuration.key}`;
  const answer = await fetch(url, { cache: "no-store", headers, ...how }).catch(() => null);
  if (!answer) throw new Error("The service does not answer: is pushmill try still running?");
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const problems = body.errors?.map(({ field, problem }) => `${field} ${problem}`).join("; ");
  throw new Error(problems || body.detail || body.title || `The service answered ${answer.status}.`);
}

act(begin());
