// What `Pushmill.diagnose` of site.js finds, in words for whoever runs the site.

/**
 * @param {object} page  what site.js knows: `options`, `lastFailure`, and its functions
 * @returns {Promise<{check: string, ok: boolean, say: string}[]>}
 */
export async function examine(page) {
  const findings = [];
  for (const [check, problemOf] of Object.entries(CHECKS)) {
    const problem = await problemOf(page).catch((error) => error.message);
    findings.push({ check, ok: !problem, say: problem || "fine" });
    if (check === "browser" && problem) break; // nothing else can be asked
  }
  return findings;
}

/** Each check gives the problem in words, or nothing. */
const CHECKS = {
  async browser({ unusable }) {
    if (!isSecureContext) return "The page must come over https, or from localhost.";
    if (unusable() === "install-first")
      return "On iPhone and iPad the site must be on the home screen first.";
    if (unusable()) return "This browser has no notifications, or the window is a private one.";
  },

  async permission() {
    if (Notification.permission === "default")
      return "Nobody has been asked yet: call Pushmill.subscribe in a click.";
    if (Notification.permission === "denied")
      return "Notifications of this site are blocked: allow them by the icon left of the address.";
  },

  async worker({ options }) {
    const worker = new URL(options.worker, location);
    const answer = await fetch(worker, { cache: "no-store" });
    if (!answer.ok) return `${worker} answers ${answer.status}: put the worker file there.`;
    if (!/javascript/.test(answer.headers.get("Content-Type")))
      return `${worker} must be served as text/javascript.`;
    if (!/importScripts/.test(await answer.text()))
      return `${worker} must hold the importScripts line of the snippet.`;
  },

  async scope({ register }) {
    await register();
  },

  async service({ options, call, violation }) {
    const refused = await call("", {}).catch((error) => error); // without a subscription it must be
    const blocked = !refused.status && (await violation());
    if (blocked) return blocked;
    if (!refused.status || refused.status === 403)
      return `${location.origin} is not among the origins of ${options.site}: add it to the site.`;
    if (refused.status === 404) return `${options.base} knows no ${options.site}.`;
    if (refused.status >= 500 || refused.status === 429) return refused.message;
  },

  async key({ current, hasKey, scriptOf }) {
    const subscription = await current();
    if (subscription && !hasKey(subscription))
      return "This browser is subscribed with another key than the page names.";
    for (const registration of await navigator.serviceWorker.getRegistrations()) {
      const other = await registration.pushManager.getSubscription();
      if (other && hasKey(other) && other.endpoint !== subscription?.endpoint)
        return `${scriptOf(registration)} is subscribed with the same key: people may be notified twice.`;
    }
  },

  async subscription({ state, lastFailure }) {
    if (Notification.permission !== "granted" || (await state()) === "subscribed") return;
    return lastFailure?.message ?? "Allowed, but not subscribed: call Pushmill.subscribe in a click.";
  },
};
