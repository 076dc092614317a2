import Foundation
import Glibc

/// Debian's Chromium without a screen (the program itself: its wrapper would outlive a kill), driven over its debugging pipe (descriptors 3 and 4, JSON ended by NUL).
final class Browser {
  static let path = ["/usr/lib/chromium/chromium-headless-shell", "/usr/lib/chromium/chromium"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

  struct Failure: Error { var message: String }

  private let process = Process()
  private let folder: URL
  private let commands: Int32
  private let answers: Int32
  private var received: [UInt8] = []
  private var number = 0
  private var session = ""

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "browser-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let (input, output) = (folder.path + "/in", folder.path + "/out")
    mkfifo(input, 0o600)
    mkfifo(output, 0o600)
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = [
      "-c",
      "exec \"$0\" --headless --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe"
        + " --user-data-dir=\"$1\" about:blank 3<\"$1/in\" 4>\"$1/out\"",
      Self.path!, folder.path,
    ]
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    // Both ends open for reading and writing, so that neither side waits for the other to come.
    commands = Glibc.open(input, O_RDWR)
    answers = Glibc.open(output, O_RDWR | O_NONBLOCK)
  }

  deinit {
    session = ""
    _ = try? call("Browser.close")
    kill(process.processIdentifier, SIGKILL)
    close(commands)
    close(answers)
    try? FileManager.default.removeItem(at: folder)
  }

  @discardableResult
  func call(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
    number += 1
    var message: [String: Any] = ["id": number, "method": method, "params": parameters]
    if !session.isEmpty { message["sessionId"] = session }
    let bytes = try Array(JSONSerialization.data(withJSONObject: message)) + [0]
    guard write(commands, bytes, bytes.count) == bytes.count else { throw Failure(message: "the browser is gone") }
    let end = Date().addingTimeInterval(60)
    while Date() < end {
      while let zero = received.firstIndex(of: 0) {
        let object = try JSONSerialization.jsonObject(with: Data(received[..<zero])) as? [String: Any]
        received.removeSubrange(...zero)
        guard object?["id"] as? Int == number else { continue }
        if let error = object?["error"] { throw Failure(message: "\(method): \(error)") }
        return object?["result"] as? [String: Any] ?? [:]
      }
      var chunk = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(answers, &chunk, chunk.count)
      if count > 0 { received.append(contentsOf: chunk[0..<count]) } else { usleep(5000) }
    }
    throw Failure(message: "\(method): no answer")
  }

  /// Opens a page of this size in CSS pixels.
  func open(_ url: String, width: Int = 1440, height: Int = 900, dark: Bool = false) throws {
    session = ""
    let target = try call("Target.createTarget", ["url": "about:blank"])["targetId"] as? String ?? ""
    session = try call("Target.attachToTarget", ["targetId": target, "flatten": true])["sessionId"] as? String ?? ""
    try call(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600])
    let scheme = ["name": "prefers-color-scheme", "value": dark ? "dark" : "light"]
    try call("Emulation.setEmulatedMedia", ["features": [scheme]])
    try call("Page.enable")
    try call("Page.navigate", ["url": url])
  }

  /// Value of a JavaScript expression as text.
  func evaluate(_ expression: String) throws -> String {
    let result = try call("Runtime.evaluate", ["expression": "String(\(expression))", "awaitPromise": true])
    return (result["result"] as? [String: Any])?["value"] as? String ?? "\(result)"
  }

  /// Waits until an expression is true; false = not within half a minute, long for a loaded machine too.
  func wait(until expression: String) throws -> Bool {
    let end = Date().addingTimeInterval(30)
    repeat {
      if try evaluate(expression) == "true" { return true }
      usleep(50_000)
    } while Date() < end
    return false
  }

  func press(_ key: String, code: Int, text: String? = nil) throws {
    var down: [String: Any] = ["type": "keyDown", "key": key, "windowsVirtualKeyCode": code]
    if let text { down["text"] = text }
    try call("Input.dispatchKeyEvent", down)
    try call("Input.dispatchKeyEvent", ["type": "keyUp", "key": key, "windowsVirtualKeyCode": code])
  }

  func screenshot(_ path: String) throws -> Int {
    let picture = try call("Page.captureScreenshot", ["captureBeyondViewport": true])["data"] as? String ?? ""
    let bytes = Data(base64Encoded: picture) ?? Data()
    try bytes.write(to: URL(fileURLWithPath: path))
    return bytes.count
  }
}
