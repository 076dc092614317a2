import CKernels

/// xxh3 of a run of bytes, 64 bits: ids, record checksums, row checksums.
@inline(__always)
public func xxh3(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
  ck_xxh3(bytes.baseAddress, bytes.count, seed)
}
