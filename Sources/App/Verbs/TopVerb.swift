import Glibc
import JSON
import Net
import Options

struct TopVerb: Verb {
  static let about = "Shows a running worker live in the terminal."
  static let notes = """
    Reads the worker's admin port (admin.host and admin.port, or --url). Without a terminal it prints one line every
    ten seconds; with --output json, one summary a line.
    """
  static let isService = true

  @Option("url", "Admin port of the worker, such as http://127.0.0.1:9391; empty = that of the settings.") var url = ""
  @Option("once", "Shows it once and ends.") var once = false

  func run(_ context: Context) throws {
    let admin = context.settings.admin
    let host = admin.host == "0.0.0.0" || admin.host == "::" ? "127.0.0.1" : admin.host
    let client = url.isEmpty ? Client(address: host, port: admin.port) : Client(url: url)
    guard let client else {
      throw Failure(ExitCode.misuse, "--url is http://ADDRESS:PORT, such as http://127.0.0.1:9391")
    }
    let isLive = context.output.isTerminal && !context.output.isJSON && !once
    let area = LiveArea()
    defer { area.end() }
    var view: TopView?
    var size = (rows: 0, columns: 0)
    while true {
      let status: WorkerStatus
      let json: [UInt8]
      do {
        (status, json) = try read(client)
      } catch {
        if once || view == nil { throw error }
        let text = "thalweg: \(error.description); trying again"
        if isLive { area.draw([text]) } else { StandardError.write(text + "\n") }
        if pause(context, tenths: isLive ? 10 : 100) { return }
        continue
      }
      if context.output.isJSON {
        context.output.line(String(decoding: json, as: UTF8.self))
        context.output.flush()
      } else if isLive {
        let now = LiveArea.size()
        if view == nil || now != size {
          size = now
          view = TopView(width: now.columns, height: now.rows - 1, color: context.output.hasColor)
        }
        area.draw(view!.render(status))
      } else if once {
        let width = context.output.isTerminal ? context.output.width : 80
        for line in TopView(width: width, color: context.output.hasColor).render(status) { context.output.line(line) }
      } else {
        context.output.line(TopView.oneLine(status))
        context.output.flush()
      }
      view = view ?? TopView()
      if once || pause(context, tenths: isLive || context.output.isJSON ? 10 : 100) { return }
    }
  }

  private func read(_ client: Client) throws(Failure) -> (WorkerStatus, [UInt8]) {
    do {
      let answer = try client.get("/summary")
      guard answer.status == 200 else { throw NetError("the worker answered \(answer.status)") }
      return (WorkerStatus(try JSONValue(parsing: answer.body)), answer.body)
    } catch {
      throw Failure(
        ExitCode.unavailable, "no worker at \(client.address):\(client.port) (\(error)); start one, or give --url")
    }
  }

  /// True = asked to end meanwhile.
  private func pause(_ context: Context, tenths: Int) -> Bool {
    for _ in 0..<tenths where !context.stop.isRequested { usleep(100_000) }
    return context.stop.isRequested
  }
}
