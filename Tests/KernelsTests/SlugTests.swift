import CKernels
import Testing

/// Event ids are looked at 16 bytes at a time; the rule is one a byte.
@Suite struct SlugTests {
  static let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-".utf8)

  @Test func `one byte of any value at any place decides as the rule says`() {
    for count in 1...66 {
      for place in Set([0, 1, count / 2, count - 2, count - 1, 15, 16, 31, 32, 47, 48]) where 0..<count ~= place {
        var text = (0..<count).map { Array("aZ09_-zA".utf8)[$0 % 8] }
        for byte in UInt8.min...UInt8.max {
          text[place] = byte
          #expect((ck_is_slug(text, count) != 0) == Self.allowed.contains(byte), "\(byte) at \(place) of \(count)")
        }
      }
    }
  }
}
