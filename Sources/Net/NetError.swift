import Glibc

/// Why a server could not listen or a client could not connect.
public struct NetError: Error, CustomStringConvertible, Sendable, Equatable {
  public var message: String
  /// errno, 0 = none.
  public var number: Int32
  public init(_ message: String, _ number: Int32 = 0) {
    self.message = message
    self.number = number
  }
  public var description: String {
    number == 0 ? message : "\(message): \(String(cString: strerror(number)))"
  }
}

func closeDescriptor(_ descriptor: Int32) { _ = close(descriptor) }
