import App
import Foundation
import Telemetry
import Testing

/// The page in a real browser.
@Suite(.serialized, .enabled(if: Browser.path != nil, "no chromium on this machine"))
struct AdminPageTests {
  func serve() throws -> AdminServer {
    var settings = AdminServer.Settings()
    settings.port = 0
    settings.intervalMs = 40
    return try AdminServer(settings, metrics: Metrics(), provider: FakeWorker())
  }

  @Test func `every part is filled from the stream, changes, and takes text as text`() throws {
    let server = try serve()
    defer { server.close() }
    let browser = try Browser()
    try browser.open(server.url)
    #expect(try browser.wait(until: "document.getElementById('state').textContent === 'live'"))
    for (id, text) in [
      ("rate", "since the start"), ("lag", "records behind"), ("freshness", "418.3 MB"),
      ("top-trust", "The Quiet Delta"), ("top-trend", "Harbour Lights"), ("lookup", "Look up"),
      ("alerts", "content:v1037"), ("alerts", "resolved after"), ("dead-letters", "missing_field"),
      ("dead-letters", "<script>alert(1)"), ("spotlight", "u4711"),
    ] {
      #expect(
        try browser.evaluate("document.getElementById('\(id)').textContent.includes('\(text)')") == "true",
        "\(id): \(text)")
    }
    for id in ["rate", "lag", "freshness", "top-trend", "spotlight"] {
      let before = try browser.evaluate("window.was = document.getElementById('\(id)').textContent")
      #expect(
        try browser.wait(until: "document.getElementById('\(id)').textContent !== window.was"), "\(id): \(before)")
    }
    #expect(try browser.evaluate("document.querySelectorAll('#rate-chart polyline').length") == "5")
    #expect(try browser.evaluate("document.getElementById('top-trust').textContent.includes('<img src=x')") == "true")
    #expect(
      try browser.evaluate("document.querySelectorAll('img, main script').length + document.title.includes('owned')")
        == "0")
    #expect(try browser.evaluate("document.body.textContent.match(/NaN|undefined|Infinity/)") == "null")
    #expect(
      try browser.evaluate("performance.getEntriesByType('resource').every(e => e.name.startsWith(location.origin))")
        == "true")
  }

  @Test func `a viewer is looked up by keyboard alone, and the answer is announced`() throws {
    let server = try serve()
    defer { server.close() }
    let browser = try Browser()
    try browser.open(server.url)
    #expect(try browser.wait(until: "document.getElementById('state').textContent === 'live'"))
    for _ in 0..<20 where try browser.evaluate("document.activeElement.id") != "lookup-id" {
      try browser.press("Tab", code: 9)
    }
    #expect(try browser.evaluate("document.activeElement.id") == "lookup-id")
    #expect(try browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none")
    try browser.call("Input.insertText", ["text": "u 1/é"])
    try browser.press("Enter", code: 13, text: "\r")
    #expect(
      try browser.wait(
        until: "document.getElementById('lookup-said').textContent.startsWith('Viewer u 1/é, 183 events')"))
    #expect(try browser.evaluate("document.querySelectorAll('#lookup-result rect').length") == "31")
    #expect(try browser.evaluate("document.getElementById('lookup-said').getAttribute('role')") == "status")
    #expect(try browser.evaluate("document.getElementById('lookup-result').textContent.includes('drama')") == "true")
    // An id that is markup stays text, and one that nobody has is said.
    _ = try browser.evaluate("document.getElementById('lookup-id').value = `\(FakeWorker.hostile)`")
    _ = try browser.evaluate("document.getElementById('lookup-form').requestSubmit()")
    #expect(
      try browser.wait(until: "document.getElementById('lookup-said').textContent.includes('<img src=x')"))
    #expect(try browser.evaluate("document.querySelectorAll('img').length + document.title.includes('owned')") == "0")
  }

  @Test func `paused, nothing moves; resumed, it does`() throws {
    let server = try serve()
    defer { server.close() }
    let browser = try Browser()
    try browser.open(server.url)
    #expect(try browser.wait(until: "document.getElementById('state').textContent === 'live'"))
    _ = try browser.evaluate("document.getElementById('pause').click()")
    let before = try browser.evaluate("document.getElementById('rate-sub').textContent")
    usleep(300_000)
    #expect(try browser.evaluate("document.getElementById('rate-sub').textContent") == before)
    _ = try browser.evaluate("document.getElementById('pause').click()")
    #expect(try browser.wait(until: "document.getElementById('rate-sub').textContent !== '\(before)'"))
  }

  @Test func `when the worker goes away the page says so`() throws {
    let server = try serve()
    let browser = try Browser()
    try browser.open(server.url)
    #expect(try browser.wait(until: "document.getElementById('state').textContent === 'live'"))
    server.close()
    #expect(try browser.wait(until: "document.getElementById('state').dataset.state === 'bad'"))
  }

  /// Contrast of text against its background by WCAG 2.2; 4.5 is what normal text needs. No scrolling sideways.
  ///
  /// `THALWEG_SCREENSHOTS=FOLDER` keeps the pictures; with `THALWEG_PAGE=URL` and `THALWEG_PAGE_VIEWER=ID` they are those of
  /// a running worker, as `.ci/picture-page` takes them of the demo.
  @Test(arguments: [("wide", 1440, 900, false), ("dark", 1440, 900, true), ("phone", 390, 844, false)])
  func `it is readable`(name: String, width: Int, height: Int, dark: Bool) throws {
    let server = try serve()
    defer { server.close() }
    let browser = try Browser()
    let environment = ProcessInfo.processInfo.environment
    try browser.open(environment["THALWEG_PAGE"] ?? server.url, width: width, height: height, dark: dark)
    #expect(try browser.wait(until: "document.querySelectorAll('#rate-chart polyline').length >= 5"))
    usleep(environment["THALWEG_SCREENSHOTS"] == nil || environment["THALWEG_PAGE"] != nil ? 0 : 9_000_000)
    let viewer = environment["THALWEG_PAGE_VIEWER"] ?? "u4711"
    _ = try browser.evaluate("document.getElementById('lookup-id').value = '\(viewer)'")
    _ = try browser.evaluate("document.getElementById('lookup-form').requestSubmit()")
    #expect(try browser.wait(until: "document.getElementById('lookup-said').textContent.includes('events')"))
    #expect(try browser.evaluate("document.documentElement.scrollWidth") == "\(width)")
    let poor = try browser.evaluate(
      """
      (() => {
        const lum = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const poor = new Set();
        for (const e of document.querySelectorAll('p,td,th,dt,dd,h1,h2,h3,small,strong,li,button,label,code,a')) {
          if (!e.textContent.trim() || !e.offsetParent || e.className === 'unseen') continue;
          let b = e; while (b && /rgba\\(0, 0, 0, 0\\)/.test(getComputedStyle(b).backgroundColor)) b = b.parentElement;
          const x = lum(getComputedStyle(e).color), y = lum(b ? getComputedStyle(b).backgroundColor : 'rgb(255,255,255)');
          const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
          if (ratio < 4.5) poor.add(e.tagName + ' ' + e.className + ' ' + e.textContent.slice(0, 20) + ' ' + ratio.toFixed(2));
        }
        return [...poor].join('; ');
      })()
      """)
    #expect(poor == "")
    let folder = ProcessInfo.processInfo.environment["THALWEG_SCREENSHOTS"] ?? NSTemporaryDirectory()
    #expect(try browser.screenshot(folder + "/page-\(name).png") > 20_000)
  }
}
