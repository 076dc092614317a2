import Foundation
import Glibc
import RedisPort
import Testing

/// A real redis-server of the test's own on a free loopback port; ended by its process id.
final class RedisServer {
  let port: UInt16
  private let scratch = Scratch()
  private let arguments: [String]
  private var process: Process?

  /// - Parameter certificates: Serves TLS with these instead of plain connections.
  init(_ arguments: [String] = [], certificates: Certificates? = nil) throws {
    port = Self.freePort()
    var arguments = arguments
    if let certificates {
      arguments += [
        "--port", "0", "--tls-port", "\(port)", "--tls-auth-clients", "no", "--tls-cert-file", certificates.certificate,
        "--tls-key-file", certificates.key, "--tls-ca-cert-file", certificates.authority,
      ]
    }
    self.arguments = arguments
    try start()
  }

  deinit { stop() }

  var url: String { "redis://127.0.0.1:\(port)" }
  var address: RedisAddress { try! RedisAddress(url) }

  /// Starts it, with nothing in memory.
  func start() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      [
        "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
        scratch.path,
      ]
      + arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    self.process = process
    for _ in 0..<500 where !Self.accepts(port) { usleep(10_000) }
  }

  /// Ends it at once, without a word to its clients.
  func stop() {
    guard let process else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    self.process = nil
  }

  /// Suspends and resumes it: connections stand, nothing is answered.
  func freeze() { kill(process!.processIdentifier, SIGSTOP) }
  func thaw() { kill(process!.processIdentifier, SIGCONT) }

  @discardableResult
  func cli(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["redis-cli", "-p", "\(port)"] + arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self).trimmingCharacters(in: .newlines)
  }

  static func freePort() -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(descriptor, $0, size)
        getsockname(descriptor, $0, &size)
      }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  private static func accepts(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    address.sin_port = port.bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}

/// An authority of the test's own and a certificate for 127.0.0.1 that it signed.
final class Certificates {
  private let scratch = Scratch()
  var authority: String { scratch.file("ca.pem") }
  var certificate: String { scratch.file("server.pem") }
  var key: String { scratch.file("server.key") }

  init() throws {
    try shell(
      "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
      "-keyout",
      scratch.file("ca.key"), "-out", authority)
    try shell(
      "openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", key, "-out",
      scratch.file("server.csr"))
    try "subjectAltName=IP:127.0.0.1\n".write(toFile: scratch.file("names"), atomically: true, encoding: .utf8)
    try shell(
      "openssl", "x509", "-req", "-in", scratch.file("server.csr"), "-CA", authority, "-CAkey", scratch.file("ca.key"),
      "-CAcreateserial", "-days", "2", "-extfile", scratch.file("names"), "-out", certificate)
  }
}
