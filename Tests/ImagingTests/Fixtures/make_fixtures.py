#!/usr/bin/env python3
"""Makes the image fixtures and what Pillow and the CLIP image processor compute from them.

    python3 make_fixtures.py                      images/, hostile/ and expectations.json
    python3 make_fixtures.py --shared DIR         shared-images.json: 200 images of DIR/data
    ... --transformers                            also compares with the numpy CLIPImageProcessor of transformers

Needs Pillow, numpy and libturbojpeg (for samplings that Pillow cannot write). Hashes are FNV-1a over 64-bit words, see `fingerprint`.
"""
import argparse, ctypes, ctypes.util, io, json, os, random, struct, sys, zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


# ---------------------------------------------------------------------- what is expected

def fingerprint(data: bytes) -> str:
    """FNV-1a, but over little-endian 64-bit words (the last one filled with zeros), then over the number of bytes."""
    words = np.frombuffer(data + bytes(-len(data) % 8), dtype="<u8").tolist() + [len(data)]
    h, prime, mask = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1
    for word in words:
        h = ((h ^ word) * prime) & mask
    return f"{h:016x}"


def padded(image):
    """Centres on a square of the mean colour, as LLaVA's expand2square."""
    width, height = image.size
    if width == height:
        return image
    side = max(width, height)
    square = Image.new("RGB", (side, side), tuple(int(x * 255) for x in MEAN))
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square


def resized(image, size, columns_first):
    """Pillow's resize with a given order of its two passes: the order depends on Pillow's version, a single pass does not."""
    middle = (image.size[0], size[1]) if columns_first else (size[0], image.size[1])
    return image.resize(middle, Image.Resampling.BICUBIC).resize(size, Image.Resampling.BICUBIC)


def squared(image, aspect, side, rows_first=False):
    """The steps of the CLIP image processor up to the centre crop, as Pillow 13 does them, or with Pillow 12's order of passes."""
    if aspect == "pad":
        image = padded(image)
    width, height = image.size
    short, long = min(width, height), max(width, height)
    scaled = int(side * long / short)
    size = (side, scaled) if width <= height else (scaled, side)
    columns_first = size[1] < height and height - size[1] > 2 * (width - size[0]) and not rows_first
    theirs, image = image.resize(size, Image.Resampling.BICUBIC), resized(image, size, columns_first)
    if (int(PIL.__version__.split(".")[0]) >= 13) != rows_first:
        assert theirs.tobytes() == image.tobytes(), (size, columns_first)
    left, top = (image.size[0] - side) // 2, (image.size[1] - side) // 2
    return np.asarray(image)[top:top + side, left:left + side]


def pixel_values(square):
    rescaled = (np.moveaxis(square, -1, 0).astype(np.float64) * (1 / 255)).astype(np.float32)
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    return np.ascontiguousarray(((rescaled.T - mean) / std).T)


def processor_values(image, aspect, side):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    processor = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    return processor(padded(image) if aspect == "pad" else image, return_tensors="np")["pixel_values"][0]


def expectation(image, sides, with_values, check):
    """Hashes of the squares, and of their float32 values, per aspect mode and side."""
    result = {}
    for aspect in ("pad", "crop"):
        for side in sides:
            square = squared(image, aspect, side)
            result[f"{aspect}{side}"] = fingerprint(square.tobytes())
            older = fingerprint(squared(image, aspect, side, rows_first=True).tobytes())
            if older != result[f"{aspect}{side}"]:
                result[f"{aspect}{side}.rowsFirst"] = older
            values = pixel_values(square)
            if with_values:
                result[f"{aspect}{side}.values"] = fingerprint(values.tobytes())
            if check:
                theirs = processor_values(image, aspect, side)
                assert theirs.dtype == np.float32 and np.array_equal(theirs, values), (image, aspect, side)
    return result


# ---------------------------------------------------------------------- writing images

def picture(width, height, seed):
    """Smooth colours with edges and some noise, so that every step of a decoder shows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for channel in range(3):
        a, b, c = rng.uniform(0.02, 0.4, 3)
        plane = 127 + 90 * np.sin(a * x + channel) * np.cos(b * y) + 60 * ((x * c + y * a).astype(int) % 2)
        planes.append(plane + rng.normal(0, 8, plane.shape))
    return Image.fromarray(np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples, depth, colour, palette=None, transparency=None, interlaced=False, extra=b"", seed=0):
    """A PNG of any kind. `samples` is [height, width, channels]; every row gets a random filter."""
    rng = random.Random(seed)
    height, width, channels = samples.shape
    passes = [(0, 0, 1, 1)] if not interlaced else [
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    stream = b""
    for left, top, across, down in passes:
        part = samples[top::down, left::across]
        if part.size == 0:
            continue
        step = max(1, channels * depth // 8)
        previous = None
        for row in part:
            flat = row.reshape(-1).astype(np.uint64)
            bits = (flat[:, None] >> np.arange(depth - 1, -1, -1, dtype=np.uint64)) & np.uint64(1)
            line = np.packbits(bits.astype(np.uint8).reshape(-1)).tobytes()
            previous = previous or bytes(len(line))
            kind = rng.randrange(5)
            out = bytearray()
            for i, value in enumerate(line):
                a = line[i - step] if i >= step else 0
                b = previous[i]
                c = previous[i - step] if i >= step else 0
                p = a + b - c
                paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                out.append((value - [0, a, b, (a + b) // 2, paeth][kind]) & 255)
            stream += bytes([kind]) + bytes(out)
            previous = line
    body = b"\x89PNG\r\n\x1a\n"
    body += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    body += extra
    if palette is not None:
        body += chunk(b"PLTE", bytes(palette))
    if transparency is not None:
        body += chunk(b"tRNS", bytes(transparency))
    packed = zlib.compress(stream, 9)
    half = len(packed) // 2
    return body + chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:]) + chunk(b"IEND", b"")


def turbojpeg(array, pixel_format, sampling, quality=85, **environment):
    library = ctypes.CDLL(ctypes.util.find_library("turbojpeg"))
    library.tjInitCompress.restype = ctypes.c_void_p
    for name, value in environment.items():
        os.environ[name] = value
    handle = ctypes.c_void_p(library.tjInitCompress())
    height, width, channels = array.shape
    buffer, size = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_ulong()
    pixels = np.ascontiguousarray(array).tobytes()
    code = library.tjCompress2(handle, pixels, width, width * channels, height, pixel_format, ctypes.byref(buffer),
                               ctypes.byref(size), sampling, quality, 0)
    for name in environment:
        del os.environ[name]
    assert code == 0
    return bytes(buffer[:size.value])


def jpeg(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def without_segment(data, marker):
    """Cuts the first segment with this marker out of a JPEG file."""
    position = 2
    while data[position + 1] != marker:
        position += 2 + struct.unpack(">H", data[position + 2:position + 4])[0]
    return data[:position] + data[position + 2 + struct.unpack(">H", data[position + 2:position + 4])[0]:]


def exif(orientation, big_endian=False):
    e = ">" if big_endian else "<"
    return (b"MM\0*" if big_endian else b"II*\0") + struct.pack(
        e + "IHHHIHHHHIII", 8, 2, 0x0100, 3, 1, 7, 0, 0x0112, 3, 1, 0, 0)[:-8] + struct.pack(e + "HHI", orientation, 0, 0)


def images():
    """Every fixture: name -> bytes."""
    files = {}
    for name, (width, height) in {"odd": (37, 23), "tall": (19, 41)}.items():
        p = picture(width, height, len(files) + 1)
        files[f"jpeg-444-{name}.jpg"] = jpeg(p, quality=90, subsampling=0)
        files[f"jpeg-422-{name}.jpg"] = jpeg(p, quality=80, subsampling=1)
        files[f"jpeg-420-{name}.jpg"] = jpeg(p, quality=70, subsampling=2)
        files[f"jpeg-440-{name}.jpg"] = turbojpeg(np.asarray(p), 0, 4)
        files[f"jpeg-411-{name}.jpg"] = turbojpeg(np.asarray(p), 0, 5)
        files[f"jpeg-grey-{name}.jpg"] = jpeg(p.convert("L"), quality=75)
        files[f"jpeg-rgb-{name}.jpg"] = jpeg(p, quality=75, keep_rgb=True)
        files[f"jpeg-progressive-{name}.jpg"] = jpeg(p, quality=60, progressive=True)
        files[f"jpeg-progressive-422-{name}.jpg"] = jpeg(p, quality=60, progressive=True, subsampling=1)
        files[f"jpeg-progressive-grey-{name}.jpg"] = jpeg(p.convert("L"), quality=60, progressive=True)
        files[f"jpeg-restart-{name}.jpg"] = jpeg(p, quality=60, restart_marker_blocks=2)
        files[f"jpeg-arithmetic-{name}.jpg"] = turbojpeg(np.asarray(p), 0, 2, TJ_ARITHMETIC="1")
        cmyk = np.concatenate([np.asarray(p), np.asarray(picture(width, height, 77))[..., :1]], -1)
        files[f"jpeg-cmyk-{name}.jpg"] = jpeg(Image.frombytes("CMYK", (width, height), cmyk.tobytes()), quality=85)
        files[f"jpeg-cmyk-unmarked-{name}.jpg"] = without_segment(files[f"jpeg-cmyk-{name}.jpg"], 0xEE)
        files[f"jpeg-ycck-{name}.jpg"] = turbojpeg(cmyk, 11, 0)
        files[f"jpeg-ycck-420-{name}.jpg"] = turbojpeg(cmyk, 11, 2)
        files[f"jpeg-ycck-progressive-{name}.jpg"] = turbojpeg(cmyk, 11, 0, TJ_PROGRESSIVE="1")
    files["jpeg-large-noise.jpg"] = jpeg(picture(211, 157, 5), quality=20)
    files["jpeg-trailing.jpg"] = files["jpeg-420-odd.jpg"] + b"\0garbage" * 5
    files["jpeg-padded-end.jpg"] = files["jpeg-420-odd.jpg"][:-2] + b"\0\0\0\xff\xd9"

    rng = np.random.default_rng(3)
    for interlaced in (False, True):
        suffix = "-interlaced" if interlaced else ""
        width, height = (21, 13) if interlaced else (19, 11)
        for depth in (1, 2, 4, 8, 16):
            files[f"png-grey{depth}{suffix}.png"] = png(
                rng.integers(0, 1 << depth, (height, width, 1)), depth, 0, interlaced=interlaced, seed=depth)
        for depth in (8, 16):
            for name, colour, channels in (("greyalpha", 4, 2), ("rgb", 2, 3), ("rgba", 6, 4)):
                files[f"png-{name}{depth}{suffix}.png"] = png(
                    rng.integers(0, 1 << depth, (height, width, channels)), depth, colour, interlaced=interlaced, seed=depth)
        for depth in (1, 2, 4, 8):
            colours = 1 << depth
            palette = rng.integers(0, 256, colours * 3).astype(np.uint8).tobytes()
            samples = rng.integers(0, colours, (height, width, 1))
            files[f"png-palette{depth}{suffix}.png"] = png(samples, depth, 3, palette, interlaced=interlaced, seed=depth)
            files[f"png-palette{depth}-transparent{suffix}.png"] = png(
                samples, depth, 3, palette, rng.integers(0, 256, colours).astype(np.uint8).tobytes(), interlaced, seed=depth)
    smooth = (np.mgrid[0:9, 0:40][1] * 8)[..., None]
    files["png-grey16-dark.png"] = png(smooth, 16, 0)
    for depth in (2, 4, 8):
        # Indices beyond the palette are black in Pillow.
        files[f"png-palette{depth}-short.png"] = png(
            rng.integers(0, 1 << depth, (9, 12, 1)), depth, 3, rng.integers(0, 256, 9).astype(np.uint8).tobytes(), interlaced=depth == 4)
    files["png-grey8-key.png"] = png(rng.integers(0, 256, (5, 7, 1)), 8, 0, transparency=b"\0\x10")
    files["png-rgb8-key.png"] = png(rng.integers(0, 256, (5, 7, 3)), 8, 2, transparency=b"\0\x10\0\x20\0\x30")
    files["png-trailing.png"] = files["png-rgb8.png"] + b"trailing garbage"
    files["png-notes.png"] = png(rng.integers(0, 256, (6, 6, 3)), 8, 2, extra=chunk(b"gAMA", struct.pack(">I", 45455))
                                 + chunk(b"sBIT", b"\5\6\5") + chunk(b"zTXt", b"Note\0\0" + zlib.compress(b"x" * 5000)) + chunk(b"teSt", b"?"))
    for width, height in ((30, 100), (1, 1), (1, 300), (300, 1), (2, 117), (500, 3), (3, 2), (56, 56), (40, 56), (56, 90), (257, 400)):
        p = picture(width, height, width)
        stream = io.BytesIO()
        (p if width * height < 5000 else p.quantize(8)).save(stream, "PNG")
        files[f"size-{width}x{height}.png"] = stream.getvalue()
    extremes = np.zeros((64, 90, 3), np.uint8)
    extremes[:, ::3] = 255
    extremes[20:40] = 255 - extremes[20:40]
    files["contrast.png"] = png(extremes, 8, 2)

    turned = picture(11, 7, 8)
    for orientation in range(1, 9):
        files[f"orientation-{orientation}.jpg"] = jpeg(
            turned, quality=95, subsampling=0, exif=b"Exif\0\0" + exif(orientation, big_endian=orientation % 2 == 0))
        files[f"orientation-{orientation}.png"] = png(
            np.asarray(turned), 8, 2, extra=chunk(b"eXIf", exif(orientation, big_endian=orientation % 2 == 1)))
    files["orientation-9.jpg"] = jpeg(turned, quality=95, exif=b"Exif\0\0" + exif(9))
    files["orientation-cut.jpg"] = jpeg(turned, quality=95, exif=b"Exif\0\0" + exif(6)[:25])
    return files


def hostile():
    """Files that a decoder must survive: name -> bytes."""
    def png_of(width, height, depth, colour, *chunks, interlaced=0):
        header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")

    pixels = lambda size: chunk(b"IDAT", zlib.compress(bytes(size), 9))
    bomb = zlib.compress(bytes(40 << 20), 9)
    tiny = jpeg(picture(16, 16, 4), quality=50)
    progressive = jpeg(picture(16, 16, 4), quality=50, progressive=True)
    last_scan = progressive[progressive.rfind(b"\xff\xda"):-2]
    restarted = jpeg(picture(64, 64, 4), restart_marker_blocks=1)
    frame = tiny.find(b"\xff\xc0") + 5

    def resized_header(data, width, height, at=frame):
        return data[:at] + struct.pack(">HH", height, width) + data[at + 4:]

    return {
        "empty.png": b"",
        "huge.png": png_of(100_000, 100_000, 8, 2, pixels(9)),
        "beyond-signed.png": png_of(0xFFFFFFFF, 0xFFFFFFFF, 16, 6, pixels(9)),
        "no-width.png": png_of(0, 5, 8, 2, pixels(9)),
        "no-height.png": png_of(5, 0, 8, 2, pixels(9)),
        "odd-depth.png": png_of(4, 4, 3, 0, pixels(9)),
        "odd-colour.png": png_of(4, 4, 8, 5, pixels(9)),
        "odd-interlace.png": png_of(4, 4, 8, 2, pixels(9), interlaced=7),
        "no-palette.png": png_of(4, 4, 8, 3, pixels(20)),
        "few-rows.png": png_of(4, 4, 8, 2, pixels(26)),
        "no-pixels.png": png_of(4, 4, 8, 2),
        "not-deflated.png": png_of(4, 4, 8, 2, chunk(b"IDAT", b"these are not compressed pixels")),
        "unknown-critical.png": png_of(1, 1, 8, 2, chunk(b"ABCD", b"?"), pixels(4)),
        "two-headers.png": png_of(1, 1, 8, 2, chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)), pixels(4)),
        "text-bomb.png": png_of(1, 1, 8, 2, chunk(b"zTXt", b"Comment\0\0" + bomb), pixels(4)),
        "profile-bomb.png": png_of(1, 1, 8, 2, chunk(b"iCCP", b"Profile\0\0" + bomb), pixels(4)),
        "many-bombs.png": png_of(
            1, 1, 8, 2, *[chunk(b"iTXt", b"k%d\0\1\0\0\0" % i + zlib.compress(bytes(3 << 20), 9)) for i in range(12)], pixels(4)),
        "many-chunks.png": png_of(1, 1, 8, 2, *[chunk(b"tEXt", b"k\0v")] * 2000, pixels(4)),
        "endless-chunk.png": png_of(1, 1, 8, 2) + struct.pack(">I4s", 0x7FFFFFFF, b"IDAT"),
        "huge.jpg": resized_header(tiny, 65_500, 65_500),
        "starved.jpg": resized_header(tiny, 8_000, 8_000),
        "no-width.jpg": resized_header(tiny, 0, 16),
        "no-height.jpg": resized_header(tiny, 16, 0),
        "starved-progressive.jpg": resized_header(progressive, 8_000, 8_000, progressive.find(b"\xff\xc2") + 5),
        "many-scans.jpg": progressive[:-2] + last_scan * 600 + b"\xff\xd9",
        "two-components.jpg": tiny[:frame + 4] + b"\2" + tiny[frame + 5:],
        "twelve-bits.jpg": tiny[:frame - 1] + b"\x0c" + tiny[frame:],
        "lossless.jpg": tiny.replace(b"\xff\xc0", b"\xff\xc3", 1),
        "tables-only.jpg": tiny[:frame - 5] + b"\xff\xd9",
        "no-tables.jpg": b"\xff\xd8" + tiny[frame - 5:],
        "two-frames.jpg": tiny[:frame - 5] + resized_header(tiny, 4, 4)[frame - 5:frame + 14] + tiny[frame - 5:],
        "restart-cut.jpg": restarted[:restarted.find(b"\xff\xd1")] + bytes(40) + b"\xff\xd9",
        "only-start.jpg": b"\xff\xd8\xff",
        "grey-half.jpg": jpeg(picture(64, 64, 4), quality=90)[:2_000] + b"\xff\xd9",
    }


def upright16(data):
    """What is expected without --pillow-exact: orientation applied, 16-bit samples scaled by 1/257."""
    image = Image.open(io.BytesIO(data))
    if data[:4] == b"\x89PNG" and data[24] == 16:
        return Image.fromarray(((samples16(data).astype(np.int64) + 128) // 257).astype(np.uint8))
    return ImageOps.exif_transpose(image).convert("RGB")


def samples16(data):
    """The RGB samples of a 16-bit fixture, undoing what `png` does; [height, width, 3]."""
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    position, packed = 8, b""
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position:position + 8])
        if kind == b"IDAT":
            packed += data[position + 8:position + 8 + length]
        position += 12 + length
    stream, at = zlib.decompress(packed), 0
    samples = np.zeros((height, width, channels), np.uint16)
    passes = [(0, 0, 1, 1)] if not interlaced else [
        (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    for left, top, across, down in passes:
        part = samples[top::down, left::across]
        step = 2 * channels
        previous = bytes(part.shape[1] * step)
        for row in part if part.size else []:
            kind, line = stream[at], bytearray(stream[at + 1:at + 1 + len(previous)])
            at += 1 + len(previous)
            for i in range(len(line)):
                a = line[i - step] if i >= step else 0
                b = previous[i]
                c = previous[i - step] if i >= step else 0
                p = a + b - c
                paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
                line[i] = (line[i] + [0, a, b, (a + b) // 2, paeth][kind]) & 255
            row[:] = np.frombuffer(bytes(line), ">u2").reshape(-1, channels)
            previous = bytes(line)
    return samples[..., :3] if channels >= 3 else np.repeat(samples[..., :1], 3, -1)


def rgb(image):
    return {"width": image.size[0], "height": image.size[1], "rgb": fingerprint(image.tobytes())}


def make_fixtures(check):
    for name, data in hostile().items():
        (HERE / "hostile" / name).write_bytes(data)
    expectations = {}
    for name, data in images().items():
        (HERE / "images" / name).write_bytes(data)
        pillow = Image.open(io.BytesIO(data)).convert("RGB")
        entry = {"pillow": rgb(pillow), "default": rgb(upright16(data))}
        if pillow.size[0] * pillow.size[1] <= 42:
            entry["pillow"]["hex"] = pillow.tobytes().hex()
        entry.update(expectation(pillow, (14, 56), name.startswith("size"), check))
        expectations[name] = entry
    write(HERE / "expectations.json", expectations)


def make_shared(folder, check):
    chosen = []
    for group, count in (("slake", 70), ("vqa-rad", 60), ("path-vqa", 70)):
        files = sorted((folder / "data" / group / "images").glob("*.jpg"))
        chosen += [files[i * len(files) // count] for i in range(count)]
    expectations = {}
    for file in chosen:
        image = Image.open(file).convert("RGB")
        entry = {"rgb": fingerprint(image.tobytes())}
        entry.update(expectation(image, (112, 336), False, check))
        expectations[str(file.relative_to(folder))] = entry
    write(HERE / "shared-images.json", expectations)


def write(path, expectations):
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(expectations.items()))
    path.write_text("{\n" + lines + "\n}\n")
    print(path.name, len(expectations), "images")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--shared", type=Path)
    parser.add_argument("--transformers", action="store_true")
    options = parser.parse_args()
    if options.shared:
        make_shared(options.shared, options.transformers)
    else:
        make_fixtures(options.transformers)
