// The search box: every word must be found; names and headings count most. "/" leads to it, arrows and Enter through it.
const box = document.querySelector("#search input");
const found = document.getElementById("found");
const MOST = 12;
const folded = (text) => text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
const entries = SEARCH.map((entry) => ({ ...entry, head: folded(entry.title), body: folded(entry.text) }));

const rank = (entry, words) => {
  let sum = entry.head === words.join(" ") ? 100 : 0;
  for (const word of words) {
    const inHead = entry.head.indexOf(word), inBody = entry.body.indexOf(word);
    if (inHead < 0 && inBody < 0) return 0;
    if (inHead >= 0) sum += entry.head === word ? 40 : /[a-z0-9]/.test(entry.head[inHead - 1] || " ") ? 8 : 20;
    if (inBody >= 0) sum += Math.min(entry.body.split(word).length - 1, 5);
  }
  return sum;
};

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);
const marked = (text, words) => {
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
  return text.split(pattern).map((part, place) => (place % 2 ? `<mark>${escaped(part)}</mark>` : escaped(part))).join("");
};
const around = (entry, words) => {
  const first = Math.max(0, Math.min(...words.map((word) => entry.body.indexOf(word)).filter((place) => place >= 0).concat(1e9)));
  const start = first < 1e9 && first > 60 ? entry.text.lastIndexOf(" ", first - 40) + 1 : 0;
  return (start ? "… " : "") + entry.text.slice(start, start + 180);
};

const show = () => {
  const words = folded(box.value).split(/\s+/).filter(Boolean);
  found.hidden = !words.length;
  if (!words.length) return;
  const best = entries.map((entry) => [rank(entry, words), entry]).filter(([points]) => points)
    .sort((one, other) => other[0] - one[0]).slice(0, MOST);
  found.innerHTML = best.length
    ? best.map(([, entry]) => `<li><a href="${escaped(entry.url)}"><strong>${marked(entry.title, words)}</strong> · ${escaped(entry.place)}<small>${marked(around(entry, words), words)}</small></a></li>`).join("")
    : `<li class="nothing">Nothing found for ${escaped(box.value)}</li>`;
};

const hide = () => { found.hidden = true; };
box.addEventListener("input", show);
box.addEventListener("focus", show);
document.addEventListener("click", (event) => { if (!event.target.closest("#search")) hide(); });
found.addEventListener("click", (event) => { if (event.target.closest("a")) hide(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== box) {
    event.preventDefault();
    document.querySelector("#contents > details").open = true;
    box.focus();
  }
  if (found.hidden) return;
  const items = [...found.querySelectorAll("li:not(.nothing)")];
  const now = items.findIndex((item) => item.classList.contains("chosen"));
  if (event.key === "Escape") { hide(); box.blur(); }
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    items[now]?.classList.remove("chosen");
    const next = items[(now + (event.key === "ArrowDown" ? 1 : items.length - (now < 0 ? 0 : 1))) % items.length];
    next?.classList.add("chosen");
    next?.scrollIntoView({ block: "nearest" });
  }
  if (event.key === "Enter" && items.length) (items[now] ?? items[0]).querySelector("a").click();
});
