/// What the demo shows while it runs; nothing where the answer is JSON.
final class DemoView {
  init(_ output: Output) {}
  func show(_ status: WorkerStatus) {}
  func close() {}
}
