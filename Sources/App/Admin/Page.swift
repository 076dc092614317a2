/// The page of the admin port, whole: no asset comes from elsewhere.
enum Page {
  static let html = #"""
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Thalweg</title>
    <link rel="icon" href="/icon.svg">
    <link rel="stylesheet" href="/page.css">
    <script src="/page.js" defer></script>
    </head>
    <body>
    <a class="skip" href="#main">Skip to the figures</a>
    <header>
      <h1><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M3 8c7 0 7 16 13 16S23 8 29 8"/></svg>Thalweg</h1>
      <p id="state" data-state="wait">connecting</p>
      <p id="about"></p>
      <button id="pause" type="button" aria-pressed="false">Pause</button>
    </header>
    <p id="note" hidden></p>
    <p id="said" class="unseen" role="status"></p>
    <noscript><p>This page draws with its own script. Without it, /metrics and /summary say the same.</p></noscript>
    <main id="main" tabindex="-1">
      <section id="rate" aria-labelledby="rate-h">
        <h2 id="rate-h">Events</h2>
        <p class="big"><output id="rate-now">–</output> <span>per second</span></p>
        <p class="sub" id="rate-sub"></p>
        <svg class="chart" id="rate-chart" role="img" aria-label="Events per second"></svg>
        <table class="legend"><thead><tr><th scope="col">Topic</th><th scope="col">Per second</th><th scope="col">Since start</th></tr></thead><tbody id="rate-rows"></tbody></table>
      </section>
      <section id="lag" aria-labelledby="lag-h">
        <h2 id="lag-h">Lag</h2>
        <p class="big"><output id="lag-now">–</output> <span id="lag-unit">records behind</span></p>
        <p class="sub" id="lag-sub"></p>
        <svg class="chart" id="lag-chart" role="img" aria-label="Records not yet folded"></svg>
        <table class="legend"><thead><tr><th scope="col">Topic</th><th scope="col">Records</th><th scope="col">Age</th></tr></thead><tbody id="lag-rows"></tbody></table>
      </section>
      <section id="freshness" aria-labelledby="freshness-h">
        <h2 id="freshness-h">Freshness</h2>
        <p class="big"><output id="freshness-now">–</output> <span>behind the newest event</span></p>
        <dl class="facts">
          <div><dt>Event to publish, median</dt><dd id="p50">–</dd></div>
          <div><dt>Event to publish, 99th percentile</dt><dd id="p99">–</dd></div>
          <div><dt>Rows waiting for the store</dt><dd id="dirty">–</dd></div>
          <div><dt>Viewers</dt><dd id="viewers">–</dd></div>
          <div><dt>Titles</dt><dd id="titles">–</dd></div>
          <div><dt>Checkpoints</dt><dd id="checkpoints">–</dd></div>
          <div><dt>Last checkpoint</dt><dd id="checkpoint">–</dd></div>
          <div><dt>State as saved</dt><dd id="bytes">–</dd></div>
        </dl>
      </section>
      <section id="alerts" aria-labelledby="alerts-h">
        <h2 id="alerts-h">Alerts</h2>
        <p class="sub" id="alerts-sub">none yet</p>
        <ul id="alerts-rows"></ul>
      </section>
      <section id="dead-letters" class="wide" aria-labelledby="dead-letters-h">
        <h2 id="dead-letters-h">Dead letters</h2>
        <p class="sub" id="dead-letters-sub">none</p>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="dead-letters-h"><table id="dead-letters-table"></table></div>
      </section>
      <section id="top-trust" class="half" aria-labelledby="top-trust-h">
        <h2 id="top-trust-h">Most trusted titles</h2>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="top-trust-h"><table class="titles" id="top-trust-table"></table></div>
      </section>
      <section id="top-trend" class="half" aria-labelledby="top-trend-h">
        <h2 id="top-trend-h">Trending titles</h2>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="top-trend-h"><table class="titles" id="top-trend-table"></table></div>
      </section>
      <section id="lookup" class="wide" aria-labelledby="lookup-h">
        <h2 id="lookup-h">Look up a viewer or a title</h2>
        <form id="lookup-form">
          <label>Kind <select id="lookup-kind"><option value="user">viewer</option><option value="content">title</option></select></label>
          <label class="grow">Id <input id="lookup-id" autocomplete="off" autocapitalize="off" spellcheck="false" required maxlength="256"></label>
          <button type="submit">Look up</button>
        </form>
        <p id="lookup-said" class="sub" role="status"></p>
        <div id="lookup-result"></div>
      </section>
      <section id="spotlight" aria-labelledby="spotlight-h" hidden>
        <h2 id="spotlight-h">One viewer</h2>
        <p class="sub" id="spotlight-sub"></p>
        <div id="spotlight-bars"></div>
      </section>
    </main>
    <footer><p>Also here: <a href="/metrics">metrics</a>, <a href="/summary">summary</a>, <a href="/lag">lag</a>, <a href="/debug/config">configuration</a>, <a href="/version">version</a>.</p></footer>
    </body>
    </html>

    """#

  static let icon = #"""
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0d4f5c"/><path d="M4 9c7 0 6 14 12 14S21 9 28 9" fill="none" stroke="#d8f0ee" stroke-width="3.4" stroke-linecap="round"/></svg>
    """#
}
