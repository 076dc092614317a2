import CKernels

/// xxh3 of a run of bytes, 64 bits: ids, record checksums, row checksums.
@inline(__always)
public func xxh3(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
  ck_xxh3(bytes.baseAddress, bytes.count, seed)
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): for names, where a few bytes are hashed now and then and every reader must get the
/// same.
public func fnv1a(_ text: String) -> UInt64 {
  text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}
