public import Ports

extension KafkaSource {
  /// Returns once brokers answer; throws after the time, or at once where they refuse: retriable = it may be asked again.
  ///
  /// The message ends with what the client last met, such as a name that cannot be resolved. Before ``start(_:)`` only.
  public func reach(_ topics: [String], timeoutMs: Int) throws(PortError) {
    do throws(PortError) {
      _ = try TopicQuery.describe(topics, reader, timeoutMs: timeoutMs)
    } catch {
      guard error.isRetriable, let problem = reader.lastProblem else { throw error }
      throw PortError(code: problem.code, number: problem.number, isRetriable: true, message: problem.message)
    }
  }
}
