// Chromium's push manager needs Google, so it hands out the subscription GIVEN, `{endpoint, keys}`, whose push
// service is the test's, to whoever subscribes with the VAPID key KEY. All else about it is Chromium's own.
(() => {
  const bytesOf = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (char) => char.charCodeAt(0));
  const { endpoint, keys } = GIVEN;
  const given = {
    endpoint,
    getKey: (name) => bytesOf(keys[name]).buffer,
    unsubscribe: async () => (localStorage.removeItem("is subscribed"), true),
  };

  PushManager.prototype.getSubscription = async () => (localStorage.getItem("is subscribed") ? given : null);
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly) throw new DOMException("only visible ones", "NotAllowedError");
    const expected = bytesOf(KEY);
    if (!expected.every((byte, index) => byte === applicationServerKey[index]))
      throw new DOMException("another key", "InvalidAccessError");
    localStorage.setItem("is subscribed", "yes");
    return given;
  };
})();
