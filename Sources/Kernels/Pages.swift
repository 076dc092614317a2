import CKernels

/// Zeroed memory in large pages: tables that are reached at random spend more on finding the page than on the row.
public enum Pages {
  /// At a 2 MiB border, rounded up to 2 MiB; touched pages only are resident.
  public static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    guard let start = ck_pages(byteCount) else { fatalError("out of memory") }
    return start
  }

  /// - Parameter byteCount: What was asked for.
  public static func free(_ start: UnsafeMutableRawPointer, _ byteCount: Int) { ck_pages_free(start, byteCount) }
}

/// Pieces of memory that live as long as their table, cut one behind the other out of large pages.
///
/// Regions begin at 2 MiB and double up to 64 MiB, so that a small table stays small.
public final class PageArena: @unchecked Sendable {
  private var regions: [(start: UnsafeMutableRawPointer, byteCount: Int)] = []
  private var used = 0

  public init() {}

  deinit { for region in regions { Pages.free(region.start, region.byteCount) } }

  /// Zeroed, at a 64-byte border.
  public func take(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let wanted = (byteCount + 63) & ~63
    if regions.isEmpty || used + wanted > regions[regions.count - 1].byteCount {
      let next = min(64 << 20, regions.last.map { $0.byteCount * 2 } ?? 2 << 20)
      let size = max(next, (wanted + (2 << 20) - 1) & ~((2 << 20) - 1))
      regions.append((Pages.allocate(size), size))
      used = 0
    }
    defer { used += wanted }
    return regions[regions.count - 1].start + used
  }
}
