import Glibc

/// jemalloc, which serves this process unless a sanitizer does: its controls by name.
enum Allocator {
  typealias Control =
    @convention(c) (
      UnsafePointer<CChar>, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?, UnsafeMutableRawPointer?, Int
    ) -> Int32

  static var control: Control? { dlsym(nil, "mallctl").map { unsafeBitCast($0, to: Control.self) } }

  /// Lets a thread of the allocator's own give back what is free for ten seconds. Without it a thread gives back only
  /// while it allocates: tables that doubled while a state was loaded would stay resident, since folds ask for nothing.
  static func giveBackInBackground() {
    var isOn = true
    _ = control?("background_thread", nil, nil, &isOn, 1)
  }
}
