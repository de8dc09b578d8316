// Pushmill's part of a site's pages: asks, subscribes, keeps the subscription right, and says what is wrong.
//
//     <script defer src="https://SERVICE/sdk/site.js" data-site="site_7" data-key="BOr3…"></script>
//
// It works as a module, too (`import "https://SERVICE/sdk/site.js"`, then `Pushmill.init({…})`): either way
// it leaves the global `Pushmill`. The site also serves a worker file, see worker.js beside this one.
// No address here has "push" in it, since blockers look for that; a site may serve all of it under its own.
(() => {
  "use strict";

  const script = document.currentScript; // null in a module
  // A module that is also a classic script is told by nobody where it comes from, but a stack names it.
  const ORIGIN = /(https?:\/\/[^\s()@]*)\/sdk\/site\.js/.exec(script?.src || new Error().stack)?.[1];

  const DAY = 24 * 3600 * 1000; // milliseconds
  const CONFIRM_AFTER = 7 * DAY; // how long the service need not hear of a subscription that has not changed
  const PATIENCE = 20_000; // milliseconds for an answer of the service

  /** What went wrong, for a program in `code`, for people in the message. */
  class PushmillError extends Error {
    constructor(code, message, cause) {
      super(message, { cause });
      this.name = "PushmillError";
      this.code = code;
    }
  }

  let options = { worker: "/pm-worker.js", scope: "/pushmill/", adopt: false }; // and what init is given
  let registering = null; // the worker's registration, begun by init: a click has no time for it
  let lastFailure = null; // of subscribing, for diagnose
  const violations = []; // of the page's Content-Security-Policy

  document.addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) =>
    violations.push({ blockedURI, effectiveDirective }),
  );

  // ── Set up ───────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Begin: once in each page. Reports a click that led here, and puts an existing subscription right.
   * @param {object} given
   * @param {string} given.site  the site's id: `site_7`
   * @param {string} given.vapidPublicKey  the site's public key, base64url
   * @param {string} [given.base]  where the service is; else where this file comes from
   * @param {string} [given.worker]  the site's worker file; `/pm-worker.js`
   * @param {string} [given.scope]  the worker's scope; `/pushmill/`
   * @param {boolean} [given.adopt]  subscribe whoever has allowed notifications before, without a click: for
   *   a site that comes from another platform
   * @returns {Promise<string>} the state, see `state`
   */
  async function init(given) {
    const { site, vapidPublicKey } = given;
    if (!/^[\w.:-]+$/.test(site ?? ""))
      throw new PushmillError("options", 'init: site must be an id such as "site_7"');
    if (keyBytes(vapidPublicKey)?.length !== 65) {
      throw new PushmillError(
        "options",
        "init: vapidPublicKey must be the site's public key, 87 characters of base64url",
      );
    }
    const base = (given.base ?? ORIGIN)?.replace(/\/+$/, "");
    if (!base) throw new PushmillError("options", "init: base must be the address of the service");
    options = { ...options, ...given, base: new URL(base, location).href.replace(/\/+$/, "") };
    reportClick();
    if (unusable() || Notification.permission === "denied") return state();
    registering = register();
    registering.catch(() => {}); // whoever needs it hears of it
    await synchronize().catch((error) => (lastFailure = error));
    return state();
  }

  async function register() {
    const worker = new URL(options.worker, location);
    const held = await registered();
    if (held && scriptOf(held).pathname !== worker.pathname) {
      throw new PushmillError(
        "scope",
        `Another worker, ${scriptOf(held)}, holds the scope ${options.scope}.`,
      );
    }
    try {
      const registration = await navigator.serviceWorker.register(worker, {
        scope: options.scope,
        updateViaCache: "none",
      });
      return await activated(registration);
    } catch (cause) {
      throw new PushmillError("worker", `The worker file ${worker} cannot be used: ${cause.message}`, cause);
    }
  }

  const scopeUrl = () => new URL(options.scope, location).href;

  /** The registration of exactly our scope, if there is one; the browser also answers with a wider one. */
  async function registered() {
    const found = await navigator.serviceWorker.getRegistration(options.scope);
    return found?.scope === scopeUrl() ? found : null;
  }

  const workerOf = ({ active, waiting, installing }) => active ?? waiting ?? installing;
  const scriptOf = (registration) => new URL(workerOf(registration).scriptURL);

  function activated(registration) {
    const worker = workerOf(registration);
    if (worker.state === "activated") return registration;
    return new Promise((resolve, reject) => {
      worker.addEventListener("statechange", () => {
        if (worker.state === "activated") resolve(registration);
        if (worker.state === "redundant")
          reject(new Error("it failed to start; the browser's console says why"));
      });
    });
  }

  // ── State ────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * @returns {Promise<string>} `default` (may be asked), `subscribed`, `unsubscribed` (allowed, but not
   *   subscribed), `denied`, `unsupported`, or `install-first` (iOS, until the site is on the home screen)
   */
  async function state() {
    const reason = unusable();
    if (reason) return reason;
    if (Notification.permission !== "granted") return Notification.permission;
    const [known, subscription] = await Promise.all([recall(), current()]);
    return subscription && !known.off ? "subscribed" : "unsubscribed";
  }

  function unusable() {
    const complete =
      isSecureContext && "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
    if (complete) return null;
    const ios =
      /iPhone|iPad|iPod/.test(navigator.userAgent) ||
      (/Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
    const installed = navigator.standalone || matchMedia("(display-mode: standalone)").matches;
    return ios && isSecureContext && !installed ? "install-first" : "unsupported";
  }

  async function current() {
    return (await registered())?.pushManager.getSubscription();
  }

  // ── Subscribing ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Ask, if need be, and subscribe. Call it in the handler of a click, before anything that waits.
   * @returns {Promise<string>} the state: `subscribed`, or why not
   */
  function subscribe() {
    if (!options.site) return Promise.reject(new PushmillError("options", "Call Pushmill.init first."));
    if (unusable()) return state();
    const asked = Notification.requestPermission(); // in the click itself: browsers refuse it later
    return join(asked);
  }

  async function join(asked) {
    if ((await asked) !== "granted") return state();
    registering = registering?.catch(() => register()) ?? register(); // what failed may be mended by now
    await remember({ off: false });
    await synchronize({ wanted: true });
    return state();
  }

  /**
   * Unsubscribe this browser, and tell the service, at the next visit if it is out of reach.
   * @returns {Promise<string>} the state
   */
  async function unsubscribe() {
    await exclusively(async () => {
      const { token } = await recall();
      // The token goes with the subscription: who comes back later is somebody new.
      await remember({ off: true, token: null, told: null, ...(token && { farewell: token }) });
      if (!unusable()) await (await current())?.unsubscribe();
      await sayFarewell().catch(() => {});
    });
    return state();
  }

  async function sayFarewell() {
    const { farewell } = await recall();
    if (!farewell) return;
    await call("/unsubscribe", { token: farewell });
    await remember({ farewell: null });
  }

  /** Say whose browser this is. `proof` is made by the site's own server, see the service's documentation. */
  const identify = (externalId, proof) => profile({ external_id: externalId, proof });

  /** Replace this browser's tags. */
  const setTags = (tags) => profile({ tags });

  /** Set attributes by name; those not named stay as they are. */
  const setAttributes = (attributes) => profile({ attributes: { ...pending.attributes, ...attributes } });

  let pending = {};

  function profile(change) {
    pending = { ...pending, ...change };
    return registering ? synchronize() : exclusively(keepProfile);
  }

  async function keepProfile() {
    const { profile: had } = await recall();
    const now = { ...had, ...pending };
    if (pending.attributes) now.attributes = { ...had?.attributes, ...pending.attributes };
    pending = {};
    await remember({ profile: now });
    return now;
  }

  let synchronizing = null;

  /** Make browser and service agree; calls that come together are one. */
  function synchronize(how) {
    if (how) return exclusively(() => agree(how));
    synchronizing ??= Promise.resolve().then(() => {
      synchronizing = null;
      return exclusively(agree);
    });
    return synchronizing;
  }

  async function agree({ wanted = options.adopt } = {}) {
    const data = await keepProfile();
    await sayFarewell().catch(() => {});
    const known = await recall();
    if (Notification.permission !== "granted" || known.off) return;
    const before = await current();
    if (!before && !known.token && !wanted) return; // never subscribed here
    const subscription = await subscriptionOf(await registering);
    const body = { subscription: subscription.toJSON(), ...data, ...surroundings() };
    const told = JSON.stringify([options.base, options.site, body]);
    if (told === known.told && Date.now() - known.confirmed < CONFIRM_AFTER && known.token) return;
    const { id, token } = await introduce(known, body);
    await remember({ id, token, told, confirmed: Date.now(), ...whatTheWorkerNeeds() });
  }

  /** This browser's subscription with the site's key: the one that there is, or a new one. */
  async function subscriptionOf({ pushManager }) {
    const had = await pushManager.getSubscription();
    if (had && hasKey(had)) return had;
    await had?.unsubscribe();
    try {
      return await pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: keyBytes(options.vapidPublicKey),
      });
    } catch (cause) {
      lastFailure = failure(cause);
      throw lastFailure;
    }
  }

  function failure(cause) {
    if (cause.name === "NotAllowedError")
      return new PushmillError("permission", "This browser does not allow it.", cause);
    return new PushmillError(
      "out-of-reach",
      "The browser could not reach its own push service. A firewall or VPN may block it; Brave needs " +
        "“Use Google services for push messaging” in its settings; private windows have none.",
      cause,
    );
  }

  /** Tell the service of this browser; as a new one, if it does not know the token any more. */
  async function introduce({ token, site, base }, body) {
    if (token && site === options.site && base === options.base) {
      try {
        return await call("", { ...body, token });
      } catch (error) {
        if (!(error.status < 429)) throw error;
      }
    }
    const landing_url = withoutToken(location.href).split("#")[0].slice(0, 2048);
    return call("", { ...body, landing_url });
  }

  function surroundings() {
    return {
      language: navigator.language,
      zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    };
  }

  async function call(path, body) {
    let answer;
    try {
      answer = await fetch(`${options.base}/v1/sites/${options.site}/subscribers${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        credentials: "omit",
        signal: AbortSignal.timeout(PATIENCE),
      });
    } catch (cause) {
      throw new PushmillError("service", `${options.base} cannot be reached from this page.`, cause);
    }
    if (answer.ok) return answer.status === 204 ? {} : answer.json();
    const problem = await answer.json().catch(() => ({}));
    const told =
      problem.errors?.map(({ field, problem }) => `${field}: ${problem}`).join("; ") ||
      problem.detail ||
      problem.title;
    const error = new PushmillError(
      "service",
      `${options.base} answered ${answer.status}${told ? `: ${told}` : ""}`,
    );
    throw Object.assign(error, { status: answer.status });
  }

  const hasKey = (subscription) =>
    sameBytes(subscription.options?.applicationServerKey, keyBytes(options.vapidPublicKey));

  function keyBytes(text) {
    try {
      return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
    } catch {
      return null;
    }
  }

  function sameBytes(buffer, bytes) {
    return (
      buffer?.byteLength === bytes.length &&
      new Uint8Array(buffer).every((byte, index) => byte === bytes[index])
    );
  }

  // ── Clicks ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Report the push whose click led here, and take its token out of the address. */
  function reportClick() {
    const t = /[?&]_pm=([\w-]+)/.exec(location.search)?.[1];
    if (!t) return;
    history.replaceState(history.state, "", withoutToken(location.href));
    const event = { t, kind: "clicked", button: null, at: new Date().toISOString() };
    const sent = fetch(`${options.base}/v1/events`, {
      method: "POST",
      body: JSON.stringify({ events: [event] }), // text/plain, so that browsers ask for no permission first
      credentials: "omit",
      keepalive: true,
    });
    // The worker keeps what cannot be told now.
    sent.catch(async () => (await registering)?.active.postMessage({ pushmill: event })).catch(() => {});
  }

  function withoutToken(url) {
    return url.replace(/([?&])_pm=[^&#]*(&?)/, (_, before, after) => (after ? before : ""));
  }

  // ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────

  // What the worker reads, too: a subscription may change while no page is open.
  function whatTheWorkerNeeds() {
    return {
      base: options.base,
      site: options.site,
      key: options.vapidPublicKey,
      scope: scopeUrl(),
    };
  }

  let memory = {}; // where the browser keeps nothing

  async function recall() {
    const kept = await inSettings("readonly", (store) => store.get("browser")).catch(() => memory);
    return kept ?? {};
  }

  async function remember(change) {
    memory = { ...(await recall()), ...change };
    await inSettings("readwrite", (store) => store.put(memory, "browser")).catch(() => {});
  }

  async function inSettings(mode, work) {
    const opening = indexedDB.open("pushmill", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("events", { autoIncrement: true });
      opening.result.createObjectStore("settings");
    };
    const database = await done(opening);
    try {
      return await done(work(database.transaction("settings", mode).objectStore("settings")));
    } finally {
      database.close();
    }
  }

  function done(request) {
    return new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  /** One page of the site at a time. */
  function exclusively(work) {
    return navigator.locks ? navigator.locks.request("pushmill", () => work()) : work();
  }

  // ── What few pages need comes in files of its own ────────────────────────────────────────────────────────

  /**
   * Ask in the page first, since a browser's "no" is for good. Shows nothing to whoever is subscribed, has
   * refused, or has said "not now" lately.
   * @param {object} [given]  texts as in prompt.js; `days` (14) until it may ask again
   * @returns {Promise<string>} the state afterwards
   */
  async function prompt(given = {}) {
    const before = await state();
    const { notBefore = 0 } = await recall();
    if (!["default", "unsubscribed", "install-first"].includes(before) || Date.now() < notBefore)
      return before;
    const { ask } = await import(`${options.base}/sdk/prompt.js`);
    const answer = await ask(given, before === "install-first" ? null : subscribe);
    if (answer) return answer;
    await remember({ notBefore: Date.now() + (given.days ?? 14) * DAY });
    return state();
  }

  /**
   * What stands between this page and a notification, in words for whoever runs the site.
   * @returns {Promise<{check: string, ok: boolean, say: string}[]>}
   */
  async function diagnose() {
    const failed = (check, say) => [{ check, ok: false, say }];
    if (!options.site) return failed("init", "Pushmill.init was not called in this page.");
    await synchronize().catch(() => {});
    const loaded = await import(`${options.base}/sdk/diagnosis.js`).catch(() => null);
    const down = `${options.base} cannot be reached: it is down, or a blocker is in the way.`;
    if (!loaded) return failed("service", (await violation()) ?? down);
    const functions = { call, current, hasKey, register, scriptOf, state, unusable, violation };
    return loaded.examine({ options, lastFailure, ...functions });
  }

  /** What the page's Content-Security-Policy has kept from us, in words; null if nothing. */
  async function violation() {
    await new Promise((resolve) => setTimeout(resolve)); // the page hears of it a little later
    const { origin } = new URL(options.base);
    const found = violations.find(({ blockedURI }) => blockedURI.startsWith(origin));
    const add = found && `add ${origin} to its ${found.effectiveDirective}`;
    return found ? `The page's Content-Security-Policy is in the way: ${add}.` : null;
  }

  const questions = { state, prompt, diagnose };
  const actions = { init, subscribe, unsubscribe, identify, setTags, setAttributes };
  globalThis.Pushmill = { ...questions, ...actions, Error: PushmillError };

  // The script's element: data-site, data-key; perhaps data-worker, data-scope, data-adopt, data-prompt.
  const { site, key: vapidPublicKey, adopt, prompt: asking, ...others } = script?.dataset ?? {};
  if (site) {
    const begun = init({ ...others, site, vapidPublicKey, adopt: adopt !== undefined });
    begun.then(() => asking !== undefined && prompt()).catch((error) => console.error(error));
  }
})();
