// swift-tools-version: 6.1
import PackageDescription

// Release builds are fast without flags on the command line: hot generics cross target borders
// (specialised only with cross-module optimisation), and C kernels never contract a*b+c on their own.
let sanitizing = Context.environment["THALWEG_SANITIZE"] != nil
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  // Exclusivity is checked in debug builds and tests; in release it cost 3 % of the road.
  .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]
// Fuzzing needs libFuzzer's runtime without its main; the variable holds its path (see .ci/run).
let fuzzRuntime = Context.environment["FUZZ_RUNTIME"]
let instrumented = house + (fuzzRuntime == nil ? [] : [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])])
let exact: [CSetting] = [.unsafeFlags(["-ffp-contract=off", "-O3"])]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: instrumented)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: house)
}

let package = Package(
  name: "thalweg",
  products: [.executable(name: "thalweg", targets: ["thalweg"])],
  targets: [
    // Ground: the outside, one C library behind each target.
    .systemLibrary(name: "CRdKafka", providers: [.apt(["librdkafka-dev"])]),
    .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
    .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
    .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CTLS", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CSys"),
    .target(name: "CKernels", cSettings: exact),
    .target(
      name: "CDemoData", exclude: ["kuairand.csv.gz", "ATTRIBUTION.md"],
      cSettings: [.unsafeFlags(["-std=gnu2x", "-Wno-c23-extensions"])]),

    // Values: plain, no I/O.
    library("Kernels", ["CKernels"]),
    library("JSON", []),
    library("Telemetry", ["CSys"]),
    library("Options", ["CYAML"]),
    library("Events", ["Kernels", "CKernels", "JSON"]),

    // Learning: pure folds.
    library("Learners", ["Kernels", "JSON", "Events"]),
    library("Bandits", ["Kernels", "JSON", "CZlib"]),

    // Loop: generic over ports.
    library("Ports", ["Events", "Kernels"]),
    library("Pipeline", ["Ports", "Events", "Learners", "Bandits", "Telemetry", "Kernels", "JSON"]),

    // Adapters.
    library("KafkaPort", ["Ports", "Events", "CRdKafka", "CSys", "Telemetry"]),
    library("RedisPort", ["Ports", "Kernels", "CHiredis", "CTLS", "CSys", "Telemetry", "JSON"]),
    library("SQLitePort", ["Ports", "CSQLite", "CSys", "Kernels", "Telemetry"]),
    library("MemoryPort", ["Ports", "Kernels"]),
    library("Net", ["CSys", "CTLS", "Telemetry", "JSON"]),

    // Roof.
    library(
      "App",
      [
        "Options", "Telemetry", "JSON", "Kernels", "Events", "Learners", "Bandits", "Ports", "Pipeline",
        "KafkaPort", "RedisPort", "SQLitePort", "MemoryPort", "Net", "CZlib", "CTLS", "CSys", "CDemoData",
      ]),
    .executableTarget(
      name: "thalweg", dependencies: ["App"], swiftSettings: house,
      linkerSettings: sanitizing ? [] : [.linkedLibrary("jemalloc")]),

    // Tests.
    .target(name: "CountAllocations", path: "Tests/CountAllocations"),
    tests("KernelsTests", ["Kernels"]),
    tests("JSONTests", ["JSON"]),
    tests("OptionsTests", ["Options"]),
    tests("EventsTests", ["Events", "JSON", "Options"]),
    tests("LearnersTests", ["Learners", "Events", "Kernels", "JSON"], resources: [.copy("Golden")]),
    tests("BanditsTests", ["CountAllocations", "Bandits", "Learners", "JSON"]),
    tests(
      "PipelineTests",
      [
        "CountAllocations", "Pipeline", "MemoryPort", "SQLitePort", "Ports", "Events", "Learners", "Bandits", "Kernels",
      ],
      resources: [.copy("Golden")]),
    tests("AdapterTests", ["KafkaPort", "RedisPort", "SQLitePort", "MemoryPort", "Ports", "Events", "JSON"]),
    tests("TelemetryTests", ["Telemetry"]),
    tests("NetTests", ["Net", "CSys"]),
    tests(
      "AppTests",
      ["App", "JSON", "Options", "Learners", "Bandits", "Events", "KafkaPort", "SQLitePort", "Pipeline", "Ports"],
      resources: [.copy("Audit")]),
  ]
)

if let fuzzRuntime {
  package.products.append(.executable(name: "fuzz", targets: ["fuzz"]))
  package.targets.append(
    .executableTarget(
      name: "fuzz", dependencies: ["Events"], path: "Sources/Fuzz",
      swiftSettings: instrumented + [.enableExperimentalFeature("Extern")],
      linkerSettings: [.unsafeFlags([fuzzRuntime]), .linkedLibrary("stdc++"), .linkedLibrary("m")]))
}
