extension Page {
  static let script = #"""
    "use strict";
    // Fed by /history once and /events ever after; every text goes in as text, never as markup.
    const $ = (id) => document.getElementById(id);
    const put = (id, text) => { const e = $(id); if (e.textContent !== text) e.textContent = text; };
    function el(tag, props, ...children) {
      const e = document.createElement(tag);
      for (const [k, v] of Object.entries(props || {})) k in e ? (e[k] = v) : e.setAttribute(k, v);
      e.append(...children.filter((c) => c !== null && c !== undefined));
      return e;
    }
    const known = (x) => x !== null && x !== undefined && Number.isFinite(x);
    const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
    const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
    const count = (x) => (known(x) ? whole.format(x) : "–");
    const rate = (x) => (!known(x) ? "–" : x < 10 ? x.toFixed(1) : whole.format(x));
    const score = (x) => (known(x) ? x.toFixed(2) : "–");
    const size = (b) => (!known(b) ? "–" : b < 1e6 ? (b / 1e3).toFixed(1) + " kB" : b < 1e9 ? (b / 1e6).toFixed(1) + " MB" : (b / 1e9).toFixed(2) + " GB");
    function time(s) {
      if (!known(s)) return "–";
      if (s < 0.001) return (s * 1e6).toFixed(0) + " µs";
      if (s < 1) return (s * 1e3).toFixed(s < 0.01 ? 1 : 0) + " ms";
      if (s < 100) return s.toFixed(1) + " s";
      if (s < 7200) return (s / 60).toFixed(0) + " min";
      return s < 172800 ? (s / 3600).toFixed(1) + " h" : (s / 86400).toFixed(1) + " d";
    }
    const clock = (ms) => new Date(ms).toISOString().slice(11, 19) + " UTC";

    const parts = [
      ["source_reliability", "Source"], ["metadata_accuracy", "Metadata"], ["availability_confidence", "Available"],
      ["quality", "Quality"], ["preference_confidence", "Evidence"],
    ];
    const samples = [];
    const most = 300;
    let topics = [], paused = false, latest = null, looked = null, firing = 0;

    // A line chart in plain SVG: one line per topic, a grid of three, the newest sample at the right edge; five minutes wide,
    // or as wide as what there is.
    function chart(svg, value, label) {
      const w = svg.clientWidth || 320, h = svg.clientHeight || 136, left = 40, bottom = 18, top = 6;
      const ns = "http://www.w3.org/2000/svg";
      const make = (tag, props, text) => {
        const e = document.createElementNS(ns, tag);
        for (const k in props) e.setAttribute(k, props[k]);
        if (text !== undefined) e.textContent = text;
        return e;
      };
      const peak = Math.max(1, ...samples.flatMap((s) => topics.map((t) => value(s, t) || 0)));
      const step = 10 ** Math.floor(Math.log10(peak));
      const ceiling = [1, 2, 2.5, 5, 10].map((m) => m * step).find((m) => m >= peak);
      const end = samples.length ? samples[samples.length - 1].at : 0, age = samples.length ? end - samples[0].at : 0;
      const span = Math.min(most * 1000, Math.max(30_000, age)), from = span < most * 1000 ? Math.round(span / 1000) + " s ago" : "5 min ago";
      const x = (at) => left + (w - left) * (1 - (end - at) / span), y = (v) => top + (h - bottom - top) * (1 - v / ceiling);
      const out = [];
      for (const f of [0, 0.5, 1]) {
        out.push(make("line", { class: "grid", x1: left, x2: w, y1: y(f * ceiling), y2: y(f * ceiling) }));
        out.push(make("text", { x: left - 6, y: y(f * ceiling) + 4, "text-anchor": "end" }, short.format(f * ceiling)));
      }
      out.push(make("text", { x: left, y: h - 3 }, from), make("text", { x: w, y: h - 3, "text-anchor": "end" }, "now"));
      topics.forEach((topic, i) => {
        const points = samples.filter((s) => end - s.at <= span && known(value(s, topic))).map((s) => x(s.at).toFixed(1) + "," + y(value(s, topic)).toFixed(1));
        if (points.length) out.push(make("polyline", { class: "s" + (i % 6), points: points.join(" ") }));
      });
      svg.setAttribute("viewBox", "0 0 " + w + " " + h);
      svg.setAttribute("aria-label", label);
      svg.replaceChildren(...out);
    }

    function legend(id, list, cells) {
      $(id).replaceChildren(...list.map((t) => el("tr", {},
        el("td", {}, el("span", { className: "key s" + (topics.indexOf(t.topic) % 6) }), t.topic),
        ...cells(t).map((c) => el("td", { className: "num" }, c)))));
    }
    for (const head of document.querySelectorAll(".legend th:nth-child(n+2)")) head.className = "num";

    function bar(fraction) {
      const fill = el("i");
      fill.style.width = Math.max(0, Math.min(1, fraction || 0)) * 100 + "%";
      return el("span", { className: "bar", ariaHidden: "true" }, fill);
    }
    function bars(pairs, ceiling) {
      return el("dl", { className: "bars" }, ...pairs.flatMap(([name, v]) => [el("dt", {}, name), el("dd", {}, bar(v / ceiling)), el("dd", {}, score(v))]));
    }

    function titles(id, list, lead) {
      const head = el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Title"), el("th", { scope: "col" }, lead === "trust" ? "Trust" : "Trend"),
        ...parts.map((p) => el("th", { scope: "col" }, p[1]))));
      const rows = list.map((t) => el("tr", {},
        el("td", { className: "name" }, t.name || t.id, el("small", {}, (t.name ? t.id + " · " : "") + (lead === "trust" ? count(t.evidence) + " interactions" : "trust " + score(t.trust)))),
        el("td", { className: "lead" }, lead === "trust" ? score(t.trust) : rate(t.trend)),
        ...parts.map(([key, name]) => { const d = el("td", {}, score(t.components[key]), bar(t.components[key])); d.dataset.short = name; return d; })));
      if (!rows.length) rows.push(el("tr", {}, el("td", { colSpan: 7 }, "no title has been seen yet")));
      $(id).replaceChildren(head, el("tbody", {}, ...rows));
    }

    function alerts(s) {
      put("alerts-sub", s.alerts_fired ? count(s.alerts_fired - s.alerts_resolved) + " firing, " + count(s.alerts_resolved) + " resolved since the start" : "none since the start");
      $("alerts-rows").replaceChildren(...s.alerts.map((a) => {
        const on = a.resolved_at === null;
        const when = on ? "since " + clock(a.fired_at) + ", for " + time((s.at - a.fired_at) / 1000) : clock(a.fired_at) + ", resolved after " + time((a.resolved_at - a.fired_at) / 1000);
        return el("li", { className: on ? "firing" : "resolved" }, el("strong", {}, on ? "▲ firing" : "✓ resolved"), a.metric + " of " + a.scope + ": " + score(a.baseline) + " → " + score(a.current), el("small", {}, when));
      }));
      const now = s.alerts_fired - s.alerts_resolved;
      if (now !== firing) { put("said", now > firing ? "An alert fires: " + (s.alerts[0] ? s.alerts[0].metric + " of " + s.alerts[0].scope : "") : "An alert resolved; " + now + " firing"); firing = now; }
    }

    function deadLetters(s) {
      put("dead-letters-sub", s.dead_letter_count ? count(s.dead_letter_count) + " since the start; the latest of each reason below" : "none since the start");
      if (!s.dead_letters.length) return $("dead-letters-table").replaceChildren();
      $("dead-letters-table").replaceChildren(
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Reason"), el("th", { scope: "col", className: "num" }, "Count"), el("th", { scope: "col" }, "Latest example"))),
        el("tbody", {}, ...s.dead_letters.map((d) => el("tr", {}, el("td", {}, d.reason, d.field ? el("small", {}, " " + d.field) : null), el("td", { className: "num" }, count(d.count)),
          el("td", {}, el("code", {}, d.topic + "[" + d.partition + "]@" + d.offset + "  " + d.sample))))));
    }

    function spotlight(v) {
      $("spotlight").hidden = !v;
      if (!v) return;
      put("spotlight-sub", v.id + ": " + count(v.n) + " events, session " + count(v.session_count) + " of " + time(v.session_s) + (v.last ? "; last: " + v.last : ""));
      $("spotlight-bars").replaceChildren(bars(v.affinity.map((g) => [g.name, g.value]), Math.max(0.01, ...v.affinity.map((g) => g.value))));
    }

    function show(s) {
      latest = s;
      topics = s.topics.map((t) => t.topic).sort();
      const list = s.topics.slice().sort((a, b) => (a.topic < b.topic ? -1 : 1));
      put("state", s.state || (s.is_ready ? "live" : "not ready"));
      $("state").dataset.state = s.is_ready ? "live" : "wait";
      put("about", "group " + s.group + " · version " + s.version + " · up " + time(s.uptime_s));
      $("note").hidden = !s.note;
      put("note", s.note);
      document.title = (s.is_ready ? "" : "▲ ") + rate(s.events_per_s) + "/s · Thalweg";
      put("rate-now", rate(s.events_per_s));
      put("rate-sub", count(s.events) + " since the start");
      legend("rate-rows", list, (t) => [rate(t.events_per_s), count(t.events)]);
      chart($("rate-chart"), (x, t) => x.topics[t] && x.topics[t][0], "Events per second over five minutes; now " + rate(s.events_per_s));
      put("lag-now", count(s.lag));
      put("lag-unit", s.lag === 1 ? "record behind" : "records behind");
      put("lag-sub", "the oldest waits " + time(s.lag_s));
      legend("lag-rows", list, (t) => [count(t.lag), time(t.lag_s)]);
      chart($("lag-chart"), (x, t) => x.topics[t] && x.topics[t][1], "Records not yet folded over five minutes; now " + count(s.lag));
      put("freshness-now", time(s.freshness_s));
      put("p50", time(s.publish_p50_s));
      put("p99", time(s.publish_p99_s));
      put("dirty", count(s.dirty_keys));
      put("viewers", count(s.viewers));
      put("titles", count(s.titles));
      put("checkpoints", count(s.checkpoint.count));
      put("checkpoint", known(s.checkpoint.age_s) ? time(s.checkpoint.age_s) + " ago, took " + time(s.checkpoint.duration_s) : "–");
      put("bytes", size(s.checkpoint.bytes));
      titles("top-trust-table", s.top_trust, "trust");
      titles("top-trend-table", s.top_trend, "trend");
      alerts(s);
      deadLetters(s);
      spotlight(s.spotlight);
    }

    // Numbers become bars, hours 24 columns, the rest a list.
    const days = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"], hours = Array.from({ length: 24 }, (_, i) => i);
    function columns(values, names, label) {
      const peak = Math.max(1e-9, ...values), ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg");
      svg.setAttribute("viewBox", "0 0 240 70");
      svg.setAttribute("class", "chart");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", label + ", strongest at " + names[values.indexOf(Math.max(...values))]);
      values.forEach((v, i) => {
        const r = document.createElementNS(ns, "rect"), w = 240 / values.length, h = (v / peak) * 52;
        for (const [k, x] of Object.entries({ x: i * w + 1, width: w - 2, y: 54 - h, height: h + 1, rx: 1, fill: "var(--bar)" })) r.setAttribute(k, x);
        svg.append(r);
        if (i % Math.ceil(values.length / 8) === 0) { const t = document.createElementNS(ns, "text"); t.setAttribute("x", i * w + 1); t.setAttribute("y", 67); t.textContent = names[i]; svg.append(t); }
      });
      return svg;
    }
    // A value as a person reads it; what is as large as a time in ms is one.
    function plain(v) {
      if (v === null || v === "") return "–";
      if (Array.isArray(v)) return v.length ? v.map(plain).join(", ") : "–";
      if (typeof v === "object") return Object.entries(v).map(([k, x]) => k.replaceAll("_", " ") + " " + plain(x)).join(", ") || "–";
      if (typeof v !== "number") return String(v);
      if (v > 1e12 && v < 1e14) return new Date(v).toISOString().slice(0, 19).replace("T", " ") + " UTC";
      return Number.isInteger(v) ? count(v) : v.toFixed(4);
    }
    function profile(kind, id, found) {
      const f = found.features || {}, out = [], rest = [];
      const map = (v) => (v && typeof v === "object" && !Array.isArray(v) ? Object.entries(v).filter((p) => typeof p[1] === "number") : []);
      const genres = map(f.affinity_corrected || f.affinity).sort((a, b) => b[1] - a[1]).slice(0, 12);
      if (genres.length) out.push(el("div", {}, el("h3", {}, "Genres"), bars(genres, Math.max(0.01, genres[0][1]))));
      const whole5 = parts.filter((p) => typeof f[p[0]] === "number");
      if (whole5.length) out.push(el("div", {}, el("h3", {}, "Trust " + score(f.overall)), bars(whole5.map((p) => [p[1], f[p[0]]]), 1)));
      for (const [key, n] of [["hours", 24], ["weekdays", 7]]) {
        const v = f[key];
        if (!v || typeof v !== "object") continue;
        const values = Array.from({ length: n }, (_, i) => +v[i] || 0);
        out.push(el("div", {}, el("h3", {}, n === 24 ? "Hours of the day" : "Days of the week"), columns(values, n === 24 ? hours : days, n === 24 ? "Hours of the day" : "Days of the week")));
      }
      for (const [key, v] of Object.entries(f)) {
        if (["affinity", "affinity_corrected", "hours", "weekdays", "vector", "vector_history"].includes(key) || whole5.some((p) => p[0] === key)) continue;
        rest.push(el("div", {}, el("dt", {}, key === "n" ? "events" : key.replaceAll("_", " ")), el("dd", {}, plain(v).slice(0, 300))));
      }
      out.push(el("div", { className: "wide" }, el("h3", {}, kind === "user" ? "Profile and session" : "Counters"), el("dl", { className: "facts columns" }, ...rest)));
      $("lookup-result").replaceChildren(el("div", { className: "two" }, ...out));
      put("lookup-said", (kind === "user" ? "Viewer " : "Title ") + id + (known(f.n) ? ", " + count(f.n) + " events" : "") + (known(found.age_s) ? ", updated " + time(found.age_s) + " ago" : ""));
    }
    async function look(first) {
      const mine = looked;
      if (!mine) return;
      try {
        const answer = await fetch("/lookup?kind=" + mine.kind + "&id=" + encodeURIComponent(mine.id));
        if (looked !== mine) return;
        if (answer.ok) return profile(mine.kind, mine.id, await answer.json());
        if (first) $("lookup-result").replaceChildren();
        put("lookup-said", answer.status === 404 ? "Nothing is known of " + mine.id + "." : "The worker answered " + answer.status + ".");
      } catch { put("lookup-said", "The worker does not answer."); }
    }
    $("lookup-form").addEventListener("submit", (e) => {
      e.preventDefault();
      looked = { kind: $("lookup-kind").value, id: $("lookup-id").value.trim() };
      look(true);
    });
    setInterval(() => { if (!paused) look(false); }, 2000);

    $("pause").addEventListener("click", () => {
      paused = !paused;
      $("pause").setAttribute("aria-pressed", paused);
      put("pause", paused ? "Resume" : "Pause");
      if (!paused && latest) show(latest);
    });
    function take(s) {
      if (!s.at || (samples.length && s.at <= samples[samples.length - 1].at)) return;
      samples.push({ at: s.at, topics: Object.fromEntries(s.topics.map((t) => [t.topic, [t.events_per_s, t.lag]])) });
      if (samples.length > most) samples.shift();
    }
    async function begin() {
      try { samples.push(...(await (await fetch("/history")).json()).samples); } catch { /* it starts empty */ }
      const stream = new EventSource("/events");
      stream.onmessage = (m) => { const s = JSON.parse(m.data); take(s); paused ? (latest = s) : show(s); };
      stream.onerror = () => { put("state", "no answer from the worker; trying again"); $("state").dataset.state = "bad"; };
    }
    addEventListener("resize", () => { if (latest && !paused) show(latest); });
    begin();

    """#
}
