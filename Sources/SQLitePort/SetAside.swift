import Glibc

/// Renames a damaged database and its write-ahead log out of the way, so that it can be looked at; the new name.
func setAside(_ path: String) -> String {
  var number = 1
  while access("\(path).corrupt-\(number)", F_OK) == 0 { number += 1 }
  let aside = "\(path).corrupt-\(number)"
  rename(path, aside)
  rename(path + "-wal", aside + "-wal")
  unlink(path + "-shm")
  return aside
}
