// Pushmill's service worker: shows what Pushmill sends, opens what is clicked, and reports both.
//
// A site serves a file of its own, from its own origin, that holds one line:
//
//     importScripts("https://SERVICE/sdk/worker.js");
//
// Before that line it may set `self.PUSHMILL = {base, alone, title, body}`: where the service is, whether
// every push that arrives is Pushmill's (in the SDK's own scope it is), and what to show in place of one that
// cannot be read. Other listeners in the same worker keep their pushes: only Pushmill's are taken from them.
(() => {
  "use strict";

  const given = self.PUSHMILL ?? {};
  // No worker is told where a script of its own comes from, but a stack names it.
  const BASE = given.base ?? /(https?:\/\/[^\s()@]*)\/sdk\/worker\.js/.exec(new Error().stack)?.[1];
  const ALONE = given.alone ?? new URL(self.registration.scope).pathname.endsWith("/pushmill/");

  const EVENTS_KEPT = 100;
  const EVENTS_AGE = 7 * 24 * 3600 * 1000; // milliseconds
  const EVENTS_POSTED = 50; // at once, as many as the service takes
  const PATIENCE = 20_000; // milliseconds for an answer of the service

  // ── What arrives ─────────────────────────────────────────────────────────────────────────────────────────

  self.addEventListener("push", (event) => {
    const message = read(event);
    if (!message) return;
    event.stopImmediatePropagation();
    event.waitUntil(show(message));
  });

  /**
   * A push of ours as Declarative Web Push, or null if it is not ours.
   * Safari has read it already where it fires the event for a mutable message.
   * Source: https://www.w3.org/TR/push-api/#declarative-push-message
   */
  function read(event) {
    let message = null;
    try {
      message = event.notification
        ? { notification: event.notification, app_badge: event.appBadge }
        : event.data.json(); // no data at all fails, too
    } catch {
      // not JSON, or nothing
    }
    if (isObject(message?.notification?.data?.pushmill)) return message;
    if (!ALONE) return null;
    return isObject(message?.notification) ? message : { notification: {} };
  }

  async function show(message) {
    const notification = message.notification;
    const title = String(notification.title || given.title || self.location.hostname);
    const options = optionsOf(notification);
    try {
      await self.registration.showNotification(title, options);
    } catch {
      // An option that this browser refuses must not cost the push.
      const { body, data } = options;
      await self.registration.showNotification(title, { body, data });
    }
    await Promise.allSettled([badge(message.app_badge), report("shown", options.data.pushmill)]);
  }

  const SHOWN_AS_GIVEN = [
    "icon",
    "image",
    "badge",
    "tag",
    "lang",
    "dir",
    "silent",
    "renotify",
    "requireInteraction",
    "timestamp",
    "vibrate",
  ];

  /** The options of `showNotification`; what a click needs to know goes along in `data.pushmill`. */
  function optionsOf(notification) {
    const actions = Array.from(notification.actions ?? []).slice(0, Notification.maxActions ?? 0);
    const pushmill = {
      ...notification.data?.pushmill,
      navigate: notification.navigate,
      buttons: actions.map(({ action, navigate }) => ({ action, navigate })),
    };
    const options = {
      body: notification.body ?? (notification.title ? "" : (given.body ?? "There is news for you.")),
      data: { ...notification.data, pushmill },
      actions,
    };
    for (const name of SHOWN_AS_GIVEN) {
      if (notification[name] != null && notification[name] !== "") options[name] = notification[name];
    }
    // A browser that knows `navigate` opens the page even if this worker cannot run, and tells of no click.
    if (!actions.length && notification.navigate) options.navigate = notification.navigate;
    return options;
  }

  async function badge(count) {
    if (count == null || !navigator.setAppBadge) return;
    await (Number(count) ? navigator.setAppBadge(Number(count)) : navigator.clearAppBadge());
  }

  // ── What becomes of it ───────────────────────────────────────────────────────────────────────────────────

  const clicked = new Set(); // tokens: some desktops tell of a clicked notification that it was closed, too

  self.addEventListener("notificationclick", (event) => {
    const pushmill = event.notification.data?.pushmill;
    if (!isObject(pushmill)) return;
    event.stopImmediatePropagation();
    event.notification.close();
    clicked.add(pushmill.t);
    const button = (pushmill.buttons ?? []).findIndex(
      ({ action }) => event.action && action === event.action,
    );
    const url = pushmill.buttons?.[button]?.navigate ?? pushmill.navigate ?? "/";
    // `clicks` says that another counts them, or nobody. The page counts only by the token in its address.
    event.waitUntil(
      Promise.allSettled([
        open(withoutToken(url)),
        !pushmill.clicks && report("clicked", pushmill, button < 0 ? null : button),
      ]),
    );
  });

  self.addEventListener("notificationclose", (event) => {
    const pushmill = event.notification.data?.pushmill;
    if (!isObject(pushmill)) return;
    event.stopImmediatePropagation();
    if (!clicked.delete(pushmill.t)) event.waitUntil(report("dismissed", pushmill));
  });

  function withoutToken(url) {
    return url.replace(/([?&])_pm=[^&#]*(&?)/, (_, before, after) => (after ? before : ""));
  }

  async function open(url) {
    const wanted = new URL(url, self.location).href;
    const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const tab = tabs.find((each) => withoutToken(each.url) === wanted);
    return tab ? tab.focus() : self.clients.openWindow(wanted);
  }

  // ── Reports ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Tell the service, now or whenever it can be reached; never fails. Whatever waits is tried again, too. */
  function report(kind, { t }, button = null) {
    return deliver(t ? [{ t, kind, button, at: new Date().toISOString() }] : []);
  }

  async function deliver(events) {
    try {
      await keep(events);
    } catch {
      return void (await post(events)); // a browser that keeps nothing: now or never
    }
    await oneAtATime(flush).catch(() => {});
  }

  function oneAtATime(work) {
    return navigator.locks ? navigator.locks.request("pushmill-events", work) : work();
  }

  async function flush() {
    for (;;) {
      const kept = await inStore("events", "readonly", async (store) => {
        const [keys, events] = await Promise.all([
          done(store.getAllKeys(null, EVENTS_POSTED)),
          done(store.getAll(null, EVENTS_POSTED)),
        ]);
        return { keys, events };
      });
      if (!kept.keys.length || !(await post(fresh(kept.events)))) return;
      await inStore("events", "readwrite", (store) =>
        done(store.delete(IDBKeyRange.bound(kept.keys[0], kept.keys.at(-1)))),
      );
    }
  }

  function fresh(events) {
    const oldest = new Date(Date.now() - EVENTS_AGE).toISOString();
    return events.filter(({ at }) => at >= oldest);
  }

  /** Post events; true if they need not be kept: they arrived, or will never be taken. */
  async function post(events) {
    if (!events.length) return true;
    try {
      const answer = await fetch(`${BASE}/v1/events`, {
        method: "POST",
        body: JSON.stringify({ events }), // text/plain, so that browsers ask for no permission first
        credentials: "omit",
        keepalive: true,
        signal: AbortSignal.timeout(PATIENCE),
      });
      return answer.ok || (answer.status < 500 && ![408, 429].includes(answer.status));
    } catch {
      return false;
    }
  }

  function keep(events) {
    return inStore("events", "readwrite", async (store) => {
      for (const event of events) await done(store.add(event));
      const keys = await done(store.getAllKeys());
      const excess = keys.length - EVENTS_KEPT;
      if (excess > 0) await done(store.delete(IDBKeyRange.upperBound(keys[excess - 1])));
    });
  }

  // What a page of this site could not report itself.
  self.addEventListener("message", (event) => {
    if (!isObject(event.data?.pushmill)) return;
    event.stopImmediatePropagation();
    event.waitUntil(deliver([event.data.pushmill]));
  });

  // ── A new subscription ───────────────────────────────────────────────────────────────────────────────────

  // Few browsers fire this, so the SDK compares at each visit of the site as well.
  self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event).catch(() => {})));

  async function renew(event) {
    const known = await inStore("settings", "readonly", (store) => done(store.get("browser")));
    if (!known?.token || known.scope !== self.registration.scope) return; // not the SDK's
    const subscription =
      event.newSubscription ??
      (await self.registration.pushManager.subscribe({
        userVisibleOnly: true,
        applicationServerKey: known.key,
      }));
    await fetch(`${known.base}/v1/sites/${known.site}/subscribers`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ subscription: subscription.toJSON(), token: known.token }),
      credentials: "omit",
    });
  }

  // ── The database that the SDK's two files share ──────────────────────────────────────────────────────────

  async function inStore(name, mode, work) {
    const opening = indexedDB.open("pushmill", 1);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore("events", { autoIncrement: true });
      opening.result.createObjectStore("settings");
    };
    const database = await done(opening);
    try {
      return await work(database.transaction(name, mode).objectStore(name));
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

  function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
  }
})();
