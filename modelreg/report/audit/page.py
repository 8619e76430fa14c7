"""Style and script of the HTML report. Nothing is fetched: fonts are the reader's own, pictures are SVG in the page."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark;
  --bg: #fbfbf9; --card: #fff; --text: #1c1f24; --dim: #565d68; --line: #d9dce1; --link: #0b57a4;
  --good: #176639; --good-bg: #e4f3e9; --warn: #7c4a00; --warn-bg: #fdf0d8; --bad: #a01b1b; --bad-bg: #fbe6e5;
  --none: #4c5460; --none-bg: #eceef1; --code: #f1f2f4; }
@media (prefers-color-scheme: dark) { :root {
  --bg: #14171b; --card: #1c2026; --text: #e7e9ec; --dim: #a5adb8; --line: #363c45; --link: #86bcf5;
  --good: #83d6a3; --good-bg: #16321f; --warn: #f3c27a; --warn-bg: #3a2a0e; --bad: #ff9d97; --bad-bg: #431b1a;
  --none: #b4bbc5; --none-bg: #2a2f37; --code: #262b32; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--bg); color: var(--text); line-height: 1.55; overflow-wrap: anywhere;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei",
    "Noto Sans CJK SC", sans-serif; }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; } footer { padding-bottom: 3rem; color: var(--dim); font-size: .9rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .8rem; padding-bottom: .3rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1.08rem; margin: 1.6rem 0 .6rem; } h4 { font-size: 1.05rem; margin: 0; }
h5 { font-size: .82rem; margin: 1.1rem 0 .3rem; color: var(--dim); text-transform: uppercase; letter-spacing: .05em; }
:lang(zh) h5 { letter-spacing: 0; font-size: .9rem; }
a { color: var(--link); } p { margin: .3rem 0; } code { font-family: ui-monospace, "SFMono-Regular", Consolas, monospace;
  font-size: .88em; background: var(--code); padding: .08em .35em; border-radius: 4px; }
.skip { position: absolute; left: -999px; } .skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.dim { color: var(--dim); } .small { font-size: .88rem; }
.badge { display: inline-block; padding: .1em .6em; border-radius: 1em; font-size: .84rem; font-weight: 600;
  white-space: nowrap; background: var(--none-bg); color: var(--none); }
.good { background: var(--good-bg); color: var(--good); } .warn { background: var(--warn-bg); color: var(--warn); }
.bad { background: var(--bad-bg); color: var(--bad); }
.banner { margin: 1.2rem 0; padding: .9rem 1.1rem; border-radius: 10px; font-weight: 600; font-size: 1.1rem; }
.banner span { display: block; font-weight: 400; font-size: .95rem; }
.facts { display: flex; flex-wrap: wrap; gap: .4rem; margin: .3rem 0; padding: 0; list-style: none; }
.facts li { background: var(--none-bg); border-radius: 6px; padding: .1em .6em; font-size: .9rem; }
dl.meta { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .8rem 0; }
dl.meta dt { color: var(--dim); } dl.meta dd { margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .7rem; padding: 0;
  margin: .8rem 0; list-style: none; }
.cards li { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .7rem .9rem; }
.cards .badge { white-space: normal; border-radius: .6em; } .cards .small { display: block; margin-top: .2rem; } .cards b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; margin: 1rem 0; list-style: none; }
.model { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.2rem;
  margin: .8rem 0; }
.model.v-bad { border-left: 5px solid var(--bad); } .model.v-warn { border-left: 5px solid var(--warn); }
.model.v-good { border-left: 5px solid var(--good); } .model.v-none { border-left: 5px solid var(--line); }
.model > .top { display: flex; flex-wrap: wrap; gap: .4rem .6rem; align-items: baseline; }
.model summary { cursor: pointer; margin-top: .5rem; color: var(--link); }
ul.items { list-style: none; margin: 0; padding: 0; }
ul.items > li { padding: .45rem 0 .45rem 1.7rem; border-top: 1px solid var(--line); position: relative; }
ul.items > li:first-child { border-top: 0; }
ul.items .mark { position: absolute; left: 0; top: .45rem; font-weight: 700; width: 1.3rem; text-align: center; }
.mark.good, .mark.bad, .mark.warn { background: none; }
.quote { display: block; margin: .2rem 0; padding: .25rem .7rem; border-left: 3px solid var(--line);
  background: var(--code); border-radius: 0 6px 6px 0; }
.cite { display: block; color: var(--dim); font-size: .86rem; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .94rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .6rem; border-bottom: 1px solid var(--line); }
table.duties { table-layout: fixed; } .duties th:nth-child(1) { width: 37%; } .duties th:nth-child(2) { width: 20%; }
.duties th:nth-child(4) { width: 6.2rem; } th { color: var(--dim); font-weight: 600; } caption { text-align: left; color: var(--dim); padding: .3rem 0; }
form.filters { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: end; margin: .8rem 0; }
form.filters label { font-size: .88rem; color: var(--dim); display: grid; gap: .2rem; }
form.filters input, form.filters select, form.filters button { font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--dim); border-radius: 8px; padding: .4rem .6rem; min-height: 2.6rem; max-width: 100%; }
form.filters input { min-width: 16rem; } .js { display: none !important; } .has-js .js { display: flex !important; }
.has-js .no-js { display: none; }
.lineage { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: .6rem; }
.lineage svg { display: block; min-width: 34rem; max-width: 100%; height: auto; }
.lineage .box { fill: var(--card); stroke: var(--dim); stroke-width: 1.2; }
.lineage .box.good { fill: var(--good-bg); stroke: var(--good); } .lineage .box.bad { fill: var(--bad-bg); stroke: var(--bad); }
.lineage .box.warn { fill: var(--warn-bg); stroke: var(--warn); } .lineage .box.none { stroke-dasharray: 5 3; }
.lineage text { fill: var(--text); font-size: 13px; font-family: inherit; } .lineage .under { fill: var(--dim); font-size: 11px; }
.lineage .label { paint-order: stroke; stroke: var(--card); stroke-width: 5px; stroke-linejoin: round; }
.lineage path { fill: none; stroke: var(--dim); stroke-width: 1.4; } .lineage marker path { fill: var(--dim); stroke: none; }
@media (max-width: 42rem) {
  main, header, footer { padding-left: .9rem; padding-right: .9rem; } h1 { font-size: 1.4rem; }
  dl.meta { grid-template-columns: 1fr; gap: 0; } dl.meta dd { margin-bottom: .5rem; }
  form.filters label, form.filters input, form.filters select { width: 100%; min-width: 0; }
  table.stack, .stack tbody, .stack tr, .stack td { display: block; } .stack thead { display: none; }
  .stack tr { border: 1px solid var(--line); border-radius: 10px; margin: .6rem 0; padding: .3rem .2rem; }
  .stack td { border: 0; padding: .25rem .6rem; } .stack td::before { content: attr(data-label); display: block;
    color: var(--dim); font-size: .8rem; } .stack td:empty { display: none; } }
@media print {
  :root { --bg: #fff; --card: #fff; --text: #000; --dim: #444; --line: #bbb; --link: #000; --code: #f4f4f4;
    --good: #14532d; --good-bg: #fff; --warn: #5c3700; --warn-bg: #fff; --bad: #7f1212; --bad-bg: #fff; --none: #333;
    --none-bg: #fff; color-scheme: light; }
  body { font-size: 10pt; } main, header, footer { max-width: none; padding: 0; } nav, .skip, .has-js .filters { display: none !important; }
  details::details-content { content-visibility: visible !important; block-size: auto !important; }
  .model summary { display: none; } .badge, .banner, .facts li { border: 1px solid currentColor; }
  .model { break-inside: auto; } h2, h3, h4, h5, .top { break-after: avoid; } li, tr { break-inside: avoid; }
  .items a[href^="http"]::after { content: " <" attr(href) ">"; font-size: .85em; } .items a.bare::after { content: "" !important; }
  @page { margin: 16mm 14mm; } }
""".strip()

SCRIPT = """
(function () {
  var root = document.documentElement, form = document.getElementById("filters");
  root.classList.add("has-js");
  var models = [].slice.call(document.querySelectorAll(".model")), count = document.getElementById("shown");
  function apply() {
    var words = form.q.value.toLowerCase().split(/\\s+/).filter(Boolean), n = 0;
    models.forEach(function (m) {
      var text = m.textContent.toLowerCase();
      var ok = (!form.verdict.value || m.dataset.verdict === form.verdict.value) &&
        (!form.level.value || m.dataset.level === form.level.value) &&
        words.every(function (w) { return text.indexOf(w) >= 0; });
      m.hidden = !ok; if (ok) { n += 1; }
    });
    [].forEach.call(document.querySelectorAll(".group"), function (g) {
      g.hidden = !g.querySelector(".model:not([hidden])");
    });
    count.textContent = count.dataset.text.replace("\\ue001", n).replace("\\ue002", models.length);
  }
  if (form) {
    form.addEventListener("input", apply);
    form.addEventListener("reset", function () { setTimeout(apply, 0); });
    form.addEventListener("submit", function (e) { e.preventDefault(); });
    apply();
  }
  window.addEventListener("beforeprint", function () {
    [].forEach.call(document.querySelectorAll("details"), function (d) { d.open = true; });
  });
})();
""".strip()
