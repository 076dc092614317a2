import Glibc
import KafkaPort
import Net
import Options
import RedisPort
import SQLitePort
import Telemetry

/// Looks at everything that goes wrong on the first day. Changes nothing but one file of its own in `state_dir`,
/// which it removes.
struct Doctor {
  let context: Context
  let say: (Finding) -> Void
  var settings: Settings { context.settings }

  func examine() {
    libraries()
    files()
    disk()
    adminPort()
    switch settings.store.kind {
    case .redis: redis()
    case .sqlite: say(.ok("store", "SQLite, \(settings.storePath)"))
    case .memory: say(.skipped("store", "memory: features end with the process"))
    }
    DoctorKafka(settings: settings, say: say).examine()
  }

  private func libraries() {
    let mechanism =
      settings.kafka.options.pairs.first { $0.name == "sasl.mechanism" || $0.name == "sasl.mechanisms" }?.value ?? ""
    if let trouble = KafkaLibrary.trouble(mechanism: mechanism) {
      say(.failed("librdkafka", KafkaLibrary.version, mend: trouble))
    } else {
      let lacks = KafkaLibrary.lacks.joined(separator: ", ")
      say(.ok("librdkafka", KafkaLibrary.version + (lacks.isEmpty ? "" : "; cannot do \(lacks)")))
    }
    if SQLiteLibrary.isThreadSafe {
      say(.ok("sqlite", SQLiteLibrary.version))
    } else {
      say(.failed("sqlite", "\(SQLiteLibrary.version), built for one thread", mend: "install Debian's libsqlite3-0"))
    }
    say(.ok("redis libraries", "hiredis \(RedisLibrary.hiredis), OpenSSL \(RedisLibrary.openSSL)"))
  }

  private func files() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let count = Int(clamping: limit.rlim_cur)
    if count < 4096 {
      say(
        .failed(
          "open files", "at most \(count)", mend: "allow 4096 or more: LimitNOFILE= of the unit, or ulimit -n 65536"))
    } else {
      say(.ok("open files", "at most \(count)"))
    }
  }

  /// Room and the time a small write needs to be safe, in `state_dir` or, before it exists, in the folder above.
  private func disk() {
    var folder = settings.stateDir
    while access(folder, F_OK) != 0, let slash = folder.lastIndex(of: "/"), slash != folder.startIndex {
      folder = String(folder[..<slash])
    }
    if access(folder, F_OK) != 0 { folder = settings.stateDir.hasPrefix("/") ? "/" : "." }
    var facts = statvfs()
    guard statvfs(folder, &facts) == 0 else {
      return say(.failed("disk", "\(folder): \(String(cString: strerror(errno)))", mend: "set state_dir to a folder"))
    }
    let free = Int(facts.f_bavail) * Int(facts.f_frsize)
    let path = folder + "/.thalweg-doctor-\(getpid())"
    let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      return say(
        .failed(
          "disk", "\(folder) cannot be written: \(String(cString: strerror(errno)))",
          mend: "give this user the right to write there, or set state_dir to another folder"))
    }
    defer {
      unlink(path)
      close(file)
    }
    var times: [Int64] = []
    let block = [UInt8](repeating: 7, count: 4096)
    let clock = SystemClock()
    for index in 0..<16 {
      let start = clock.monotonicNs
      guard pwrite(file, block, block.count, off_t(index * block.count)) == block.count, fdatasync(file) == 0 else {
        return say(
          .failed("disk", "\(folder): \(String(cString: strerror(errno)))", mend: "look at the disk: a write failed"))
      }
      times.append(clock.monotonicNs - start)
    }
    let median = Double(times.sorted()[8]) / 1e9
    let text = "\(folder): \(Figures.bytes(free)) free, a safe write takes \(Figures.seconds(median))"
    if free < 1 << 30 {
      say(.failed("disk", text, mend: "free 1 GB or more, or set state_dir to a larger disk"))
    } else if median > 0.1 {
      say(.failed("disk", text, mend: "a disk that is this slow delays every turn: set state_dir to a local one"))
    } else {
      say(.ok("disk", text))
    }
  }

  private func adminPort() {
    let admin = settings.admin
    let client = Client(address: admin.host == "0.0.0.0" ? "127.0.0.1" : admin.host, port: admin.port, timeoutMs: 1000)
    if admin.port == 0 { return say(.ok("admin port", "any free one")) }
    do throws(NetError) {
      let answer = try client.get("/version")
      if String(decoding: answer.body, as: UTF8.self).contains("thalweg") {
        say(.ok("admin port", "\(admin.port): a worker answers there"))
      } else {
        say(.failed("admin port", "\(admin.port) is taken by another program", mend: "set admin.port to a free one"))
      }
    } catch {
      if error.number == ECONNREFUSED {
        say(.ok("admin port", "\(admin.port) is free"))
      } else {
        say(
          .failed(
            "admin port", "\(admin.host):\(admin.port): \(error)",
            mend: "set admin.host to an address of this machine and admin.port to a free port"))
      }
    }
  }

  private func redis() {
    do {
      let address = try settings.redisAddress()
      let timeout = Int(settings.redis.timeout.wholeMilliseconds)
      let facts = try RedisFacts.read(address, timeoutMs: timeout)
      say(
        .ok(
          "redis",
          "\(address.masked), version \(facts.version), answers in \(Figures.seconds(facts.roundTripMs / 1000))"))
      for finding in Self.judge(facts) { say(finding) }
    } catch {
      say(
        .failed(
          "redis", "\(error)",
          mend: "check that it runs there, redis.url, redis.username, redis.password and redis.ca_file"))
    }
  }

  /// What a Redis must be to hold features.
  static func judge(_ facts: RedisFacts) -> [Finding] {
    var findings: [Finding] = []
    if facts.isReplica {
      findings.append(.failed("redis role", "a replica takes no writes", mend: "set redis.url to the primary"))
    }
    let memory =
      "\(Figures.bytes(facts.usedBytes)) of \(facts.maxBytes == 0 ? "no limit" : Figures.bytes(facts.maxBytes))"
    if facts.maxBytes > 0 && facts.usedBytes > facts.maxBytes / 10 * 9 {
      findings.append(.failed("redis memory", memory, mend: "raise maxmemory, or let viewers go with viewer.idle"))
    } else {
      findings.append(.ok("redis memory", memory))
    }
    if facts.evictionPolicy.isEmpty || facts.evictionPolicy == "noeviction" || facts.maxBytes == 0 {
      findings.append(.ok("redis eviction", facts.evictionPolicy.isEmpty ? "not told" : facts.evictionPolicy))
    } else {
      findings.append(
        .failed(
          "redis eviction", "\(facts.evictionPolicy): features would vanish when memory is short",
          mend: "CONFIG SET maxmemory-policy noeviction"))
    }
    if abs(facts.skewMs) > 5000 {
      findings.append(
        .failed("clock", "Redis differs by \(facts.skewMs) ms", mend: "run a time service (chrony) on both machines"))
    } else {
      findings.append(.ok("clock", "Redis differs by \(facts.skewMs) ms"))
    }
    return findings
  }
}
