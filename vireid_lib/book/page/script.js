// The page works without this: it adds the theme switch, "show all code" and the mark of the chapter in view.
const root = document.documentElement;
const theme = document.getElementById("theme");
const systemDark = matchMedia("(prefers-color-scheme: dark)");
const remembered = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
const isDark = () => (root.dataset.theme || (systemDark.matches ? "dark" : "light")) === "dark";
const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
if (remembered) root.dataset.theme = remembered;
label();
systemDark.addEventListener("change", label);
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* a page opened from disk may not store */ }
  label();
});

const fold = document.getElementById("fold");
fold.addEventListener("click", () => {
  const open = fold.textContent.startsWith("Show");
  document.querySelectorAll("details.code").forEach((cell) => { cell.open = open; });
  fold.textContent = open ? "Hide code" : "Show code";
});

const contents = document.querySelector("#contents > details");
const narrow = matchMedia("(max-width: 62rem)");
const fit = () => { contents.open = !narrow.matches; };
fit();
narrow.addEventListener("change", fit);
contents.addEventListener("click", (event) => {
  if (narrow.matches && event.target.closest("ol a")) contents.open = false;
});

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const item = document.querySelector(`#contents a[href="#${CSS.escape(entry.target.id)}"]`);
    if (item) item.parentElement.classList.toggle("current", entry.isIntersecting);
  }
}, { rootMargin: "-20% 0px -70% 0px" });
document.querySelectorAll("article").forEach((article) => watcher.observe(article));
