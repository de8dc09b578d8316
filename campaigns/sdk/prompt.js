// The soft prompt of site.js: a small dialog in the page, before the browser's own question.

const WORDS = {
  title: "Stay up to date?",
  text: "We will notify you of news and offers. You can stop it at any time.",
  install: "To get notifications on this device, tap Share, then “Add to Home Screen”.",
  yes: "Notify me",
  no: "Not now",
  close: "Close",
};

const LOOK = `
  :host { all: initial; position: fixed; z-index: 2147483647; inset: auto 0 0 0; display: flex;
    justify-content: center; padding: 16px; pointer-events: none; font: 16px/1.45 system-ui, sans-serif; }
  section { pointer-events: auto; box-sizing: border-box; width: min(420px, 100%); padding: 20px;
    border-radius: 12px; border: 1px solid #8884; background: #fff; color: #1c2024;
    box-shadow: 0 8px 32px #0003; }
  h2 { margin: 0 0 6px; font-size: 18px; }
  p { margin: 0 0 16px; }
  div { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 8px; }
  button { font: inherit; min-height: 44px; padding: 0 18px; border-radius: 8px; border: 1px solid #6b7280;
    background: transparent; color: inherit; cursor: pointer; }
  button.yes { background: #1d4ed8; border-color: transparent; color: #fff; font-weight: 600; }
  button:focus-visible { outline: 3px solid #60a5fa; outline-offset: 2px; }
  @media (prefers-color-scheme: dark) { section { background: #1c2024; color: #f1f3f5; } }`;

/**
 * Show the dialog until it is answered.
 * @param {object} given  texts in place of `WORDS`
 * @param {(() => Promise<string>)|null} subscribe  called in the click on "yes"; null where the site has
 *   to be installed first, so that there is nothing to ask
 * @returns {Promise<string|null>} what `subscribe` gave; null for "not now"
 */
export function ask(given, subscribe) {
  const words = { ...WORDS, ...given };
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet(); // which no Content-Security-Policy forbids
  sheet.replaceSync(LOOK);
  root.adoptedStyleSheets = [sheet];
  document.body.prepend(host); // first in the order of Tab; the focus stays where the visitor is
  const section = add(root, "section", { role: "dialog", "aria-labelledby": "title", "aria-live": "polite" });
  add(section, "h2", { id: "title" }, words.title);
  add(section, "p", {}, subscribe ? words.text : words.install);
  const buttons = add(section, "div");
  const no = add(buttons, "button", { type: "button" }, subscribe ? words.no : words.close);
  const yes = subscribe && add(buttons, "button", { type: "button", class: "yes" }, words.yes);
  return new Promise((resolve) => {
    const end = (answer) => {
      host.remove();
      resolve(answer);
    };
    no.addEventListener("click", () => end(null));
    yes?.addEventListener("click", () => end(subscribe()));
    section.addEventListener("keydown", (event) => event.key === "Escape" && end(null));
  });
}

function add(parent, name, attributes = {}, text = "") {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  parent.append(element);
  return element;
}
