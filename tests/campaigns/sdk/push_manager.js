// A push manager of the page's own: Chromium's needs Google. It keeps its subscriptions in localStorage, by scope,
// as {endpoint, key}; "refuses" there makes it fail as Chromium does whose push service is out of reach, and "hangs"
// wait as it does before that.
(() => {
  const storage = (scope) => `subscription of ${scope}`;
  const bytesOf = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));

  function load(scope) {
    const kept = JSON.parse(localStorage.getItem(storage(scope)));
    if (!kept) return null;
    const { endpoint, key } = kept;
    return {
      endpoint,
      options: { applicationServerKey: bytesOf(key).buffer, userVisibleOnly: true },
      toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh: "p", auth: "a" } }),
      unsubscribe: async () => (localStorage.removeItem(storage(scope)), true),
    };
  }

  const managerOf = (scope) => ({
    getSubscription: async () => load(scope),
    async subscribe({ userVisibleOnly, applicationServerKey }) {
      if (localStorage.getItem("refuses"))
        throw new DOMException("Registration failed - push service error", "AbortError");
      if (localStorage.getItem("hangs")) await new Promise(() => {});
      if (!userVisibleOnly) throw new DOMException("only visible ones", "NotAllowedError");
      const had = load(scope);
      const key = btoa(String.fromCharCode(...applicationServerKey));
      if (had) throw new DOMException("subscribed with another key", "InvalidStateError");
      const endpoint = `https://fcm.googleapis.com/fcm/send/${crypto.randomUUID()}`;
      localStorage.setItem(storage(scope), JSON.stringify({ endpoint, key }));
      return load(scope);
    },
  });

  Object.defineProperty(ServiceWorkerRegistration.prototype, "pushManager", {
    get() {
      return managerOf(this.scope);
    },
  });
})();
