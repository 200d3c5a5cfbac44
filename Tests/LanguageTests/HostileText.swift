import Foundation

@testable import Language

/// The strings of `Fixtures/make_fixtures.py`, number by number.
struct HostileText {
    static let special = [
        "<|endoftext|>", "<|im_start|>", "<|im", "<mask>", "  <mask> ", "<r>  ", " <both> <r> ", " effusion ", "xeffusion", "CT", "\u{E9}",
        "\u{E9}\u{E9}", "e\u{301}e\u{301}", "<|endoftext", "<image>", "<|reg3|>", "<|endoftext|><|endoftext|>", "<filename>",
    ]
    private static let words = [
        " the", " image", " of", " Is", " there", " pleural", " effusion", "What", " modality", " is", "n't", " CT", " MRI", "?", ".",
        " yes", " no", " lesion", " naïve", " Ödem", "    return", "\tif", " х-ray", "肺", "結節", " 3D", " T2-weighted", "X-ray",
    ]
    private static let blanks = [
        "\n", "\r\n", "\r", "\t", "\u{85}", "\u{2028}", "\u{A0}", "\u{3000}", "\u{B}", "\u{C}", "\u{200B}", "\u{1680}", "\n\n", " \n",
        "\u{180E}",
    ]
    private static let contractions = [
        "s", "t", "re", "ve", "m", "ll", "d", "S", "T", "RE", "Re", "vE", "M", "LL", "lL", "D", "\u{17F}", "\u{17F}a", "x", "",
    ]
    private static let digits: [UInt32] = [
        0x30, 0x660, 0x966, 0x1D7CE, 0x1D7F6, 0xB2, 0xBC, 0x2160, 0x3007, 0xFF10, 0x1F100, 0x11DE0, 0x16FF4, 0x11FC0,
    ]
    private static let joined: [UInt32] = [
        0x1F468, 0x200D, 0x1F469, 0xFE0F, 0x1F3FD, 0x2764, 0x1F1E9, 0x1F1EA, 0x200C, 0x2060, 0xFEFF, 0xE0001, 0xE0067,
    ]
    private static let odd: [UInt32] = [
        0xFFFE, 0xFFFF, 0x1FFFE, 0xE000, 0xF8FF, 0x10FFFF, 0x378, 0x0, 0x7F, 0x2FE0, 0xFFFD, 0x110BD, 0x32000, 0x1C89, 0x105C0, 0x16D40,
    ]
    private static let indic: [UInt32] = [
        0x1100, 0x1161, 0x11A8, 0xAC00, 0xAC01, 0xD7A3, 0x915, 0x93C, 0x94D, 0x9C7, 0x9BE, 0xDD9, 0xDCA, 0xDCF, 0x344, 0x340, 0x958,
        0x11935, 0x11930, 0x8D3, 0x898, 0x212B, 0x1E9B, 0x323, 0x307, 0xFB1D, 0xF900, 0x2F800, 0x1D15E,
    ]
    private static let punctuation = Array("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".unicodeScalars.map(\.value))

    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    mutating func below(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }

    private mutating func pick<Element>(_ items: [Element]) -> Element { items[below(items.count)] }

    /// The next string.
    mutating func next() -> String {
        var text = String.UnicodeScalarView()
        func add(_ code: Int) { if let scalar = Unicode.Scalar(UInt32(code)) { text.append(scalar) } }
        for _ in 0..<(1 + below(8)) {
            switch below(16) {
            case 0: for _ in 0..<(1 + below(8)) { add(97 + below(26)) }
            case 1:
                let count = 1 + below(6)
                let longer = below(16) == 0 ? 100 * below(4) : 0
                for _ in 0..<(count + longer) { add(0x20) }
            case 2: for _ in 0..<(1 + below(3)) { text += pick(Self.blanks).unicodeScalars }
            case 3: for _ in 0..<(1 + below(6)) { add(48 + below(10)) }
            case 4:
                for _ in 0..<(1 + below(4)) {
                    let code = below(0x10F800)
                    add(code < 0xD800 ? code : code + 0x800)
                }
            case 5: for _ in 0..<(1 + below(4)) { add(below(0x3000)) }
            case 6:
                add(97 + below(26))
                for _ in 0..<(1 + below(4)) { add(0x300 + below(0x70)) }
            case 7:
                text += pick(["'", "\u{2019}", " '", "a'", "'"]).unicodeScalars
                text += pick(Self.contractions).unicodeScalars
            case 8: for _ in 0..<(1 + below(5)) { add(Int(pick(Self.punctuation))) }
            case 9: for _ in 0..<(1 + below(5)) { add(Int(pick(Self.joined))) }
            case 10: text += pick(Self.special).unicodeScalars
            case 11: for _ in 0..<(1 + below(5)) { add(Int(pick(Self.digits)) + below(4)) }
            case 12: for _ in 0..<(1 + below(5)) { add(Int(pick(Self.indic))) }
            case 13: for _ in 0..<(1 + below(3)) { add(Int(pick(Self.odd))) }
            case 14:
                let letter = 97 + below(26)
                let count = 1 + below(60)
                for _ in 0..<(below(16) == 0 ? count * 20 : count) { add(letter) }
            default: for _ in 0..<(1 + below(6)) { text += pick(Self.words).unicodeScalars }
            }
        }
        return String(text)
    }
}

/// FNV-1a, 64 bits.
struct FNV {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

    mutating func add(_ text: String) { for byte in text.utf8 { add(byte) } }

    mutating func add(id: UInt32) { for shift in [0, 8, 16, 24] as [UInt32] { add(UInt8(truncatingIfNeeded: id >> shift)) } }

    var hexadecimal: String { String(repeating: "0", count: max(0, 16 - String(value, radix: 16).count)) + String(value, radix: 16) }
}
