extension Program {
  /// What may stand where the last word begins, as `word<TAB>help` lines: the hidden verb `__complete`.
  ///
  /// - Parameter words: All words after the program's name; the last is the one being typed, maybe empty.
  public func complete(_ words: [String]) -> String {
    var command = root
    var pending: Flag?
    for word in words.dropLast() {
      if pending != nil {
        pending = nil
      } else if word.hasPrefix("--") {
        let name = String(word.dropFirst(2))
        pending = flags(of: command).first { $0.name == name && !$0.isSwitch }
      } else if word.hasPrefix("-"), let letter = word.last {
        pending = flags(of: command).first { $0.row.short == letter && !$0.isSwitch }
      } else if let child = command.child(word) {
        command = child
      }
    }
    let typed = words.last ?? ""
    let offers: [(String, String)]
    if let pending {
      offers = values(of: pending)
    } else if typed.hasPrefix("--"), let equals = typed.firstIndex(of: "="),
      let flag = flags(of: command).first(where: { "--\($0.name)" == typed[..<equals] })
    {
      offers = values(of: flag).map { ("--\(flag.name)=\($0)", $1) }
    } else if typed.hasPrefix("-") {
      offers = flags(of: command).map { ("--\($0.name)", $0.row.help) } + [("--help", "Shows help.")]
    } else {
      offers =
        command.visible.map { ($0.name, $0.about) }
        + (command.kind?.rows ?? []).filter { $0.place != nil }.flatMap { row in
          row.shape.choices.map { ($0, row.help) }
        }
    }
    return offers.filter { $0.0.hasPrefix(typed) }.map { "\($0)\t\($1)\n" }.joined()
  }

  private func values(of flag: Flag) -> [(String, String)] {
    if flag.row.path == "set" {
      return settingRows.values.sorted { $0.path < $1.path }.map { ($0.path + "=", $0.help) }
    }
    let element = flag.row.shape.element.first ?? flag.row.shape
    let choices = flag.row.shape.choices.isEmpty ? element.choices : flag.row.shape.choices
    return choices.map { ($0, flag.row.help) }
  }

  /// The script that a shell sources; it asks the program itself, so it never goes stale.
  public func completionScript(_ shell: Shell) -> String {
    let name = root.name
    switch shell {
    case .bash:
      return """
        _\(name)() {
          local IFS=$'\\n' word="${COMP_WORDS[COMP_CWORD]}"
          COMPREPLY=($(\(name) __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
          if [ "${#COMPREPLY[@]}" = 1 ] && [ "${COMPREPLY[0]%=}" != "${COMPREPLY[0]}" ]; then compopt -o nospace; fi
          if [ "${#COMPREPLY[@]}" = 0 ]; then COMPREPLY=($(compgen -f -- "$word")); fi
        }
        complete -F _\(name) \(name)

        """
    case .zsh:
      return """
        #compdef \(name)
        _\(name)() {
          local -a offers
          offers=(${${(f)"$(\(name) __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"}//$'\\t'/:})
          if (( $#offers )); then _describe '\(name)' offers; else _files; fi
        }
        if [ "$funcstack[1]" = "_\(name)" ]; then _\(name) "$@"; else compdef _\(name) \(name); fi

        """
    case .fish:
      return """
        function __\(name)_complete
          set -l words (commandline -opc) (commandline -ct)
          \(name) __complete $words[2..-1] 2>/dev/null
        end
        complete -c \(name) -f -a '(__\(name)_complete)'

        """
    }
  }
}

public enum Shell: String, Choice { case bash, zsh, fish }
