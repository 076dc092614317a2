/// What stands beside a running worker: the admin server and what it shows.
final class WorkerService {
  init(host: WorkerHost, context: Context) throws {}
  func tick() {}
  func close() {}
}
