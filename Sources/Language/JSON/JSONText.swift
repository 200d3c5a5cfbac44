/// Writes a JSON value as text whose members keep their order: that of a vocabulary is that of its ids.
enum JSONText {
    /// Two blanks per level, one member or element a line, characters beyond ASCII as they are.
    static func pretty(_ value: JSONValue) -> String {
        var text = ""
        write(value, indentation: "", into: &text)
        return text
    }

    private static func write(_ value: JSONValue, indentation: String, into text: inout String) {
        switch value {
        case .null: text += "null"
        case .bool(let flag): text += flag ? "true" : "false"
        case .integer(let number): text += String(number)
        case .real(let number): text += String(number)
        case .string(let string): text += quoted(string)
        case .array(let elements):
            list(elements, "[", "]", indentation, into: &text) { element, inner, text in write(element, indentation: inner, into: &text) }
        case .object(let members):
            list(members, "{", "}", indentation, into: &text) { member, inner, text in
                text += quoted(member.name) + ": "
                write(member.value, indentation: inner, into: &text)
            }
        }
    }

    private static func list<Item>(
        _ items: [Item], _ open: String, _ close: String, _ indentation: String, into text: inout String,
        _ write: (Item, _ indentation: String, inout String) -> Void
    ) {
        guard !items.isEmpty else { return text += open + close }
        let inner = indentation + "  "
        text += open + "\n"
        for (index, item) in items.enumerated() {
            text += inner
            write(item, inner, &text)
            text += index + 1 < items.count ? ",\n" : "\n"
        }
        text += indentation + close
    }

    private static func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
