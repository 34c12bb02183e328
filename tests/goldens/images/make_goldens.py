"""What Pillow, the image processors of transformers 5 and the transforms of timm make of small images.

    pip install -r requirements.txt
    python make_goldens.py

Writes the images of odd sizes in each format to `files/`, what is expected of them to `expected.bin` (zlib), and the
list of cases to `goldens.json`. A case names an image, the number of channels of the model, the content of the model's
folder (`preprocessor_config.json`, or `config.json` of timm), the size of the result, and where its samples are in the
unpacked `expected.bin`: 8 bits each, `[height, width, channels]`, before they are scaled and normalized; or float32
after that if `type` is `f32`. `sha256` stands for the samples if there are many. The processors are those of Pillow,
not of torchvision.
"""

import hashlib
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import timm.data
from PIL import Image
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"
CLASSES = {"ViT": ViTImageProcessorPil, "DeiT": DeiTImageProcessorPil, "ConvNext": ConvNextImageProcessorPil}
RAW = {"do_rescale": False, "do_normalize": False}


def picture(height, width, seed):
    """Smooth colors with edges and some noise."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(2, height // 5), max(2, width // 5), 3), dtype=np.uint8)
    image = np.array(Image.fromarray(small).resize((width, height), Image.BICUBIC)).astype(int)
    image[height // 3 :, : width // 4] = 255 - image[height // 3 :, : width // 4]
    return Image.fromarray(np.clip(image + random.integers(-9, 10, image.shape), 0, 255).astype(np.uint8))


def png16(path, samples, color):
    """Writes a PNG of 16 bits, which Pillow cannot do for colors."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, 16, color, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def write_files():
    FILES.mkdir(exist_ok=True)
    image, other = picture(19, 23, 1), picture(19, 23, 2)
    save = lambda name, image=image, **options: image.save(FILES / name, **options)
    for name in ("rgb.png", "rgb.bmp"):
        save(name)
    save("lossless.webp", lossless=True)
    save("lossy.webp", quality=85)
    for name, sampling in (("444.jpg", 0), ("422.jpg", 1), ("420.jpg", 2)):
        save(name, quality=92, subsampling=sampling)
    save("progressive.jpg", quality=92, progressive=True)
    save("cmyk.jpg", image.convert("CMYK"), quality=95)
    grey = image.convert("L")
    save("grey.jpg", grey, quality=95)
    save("grey.png", grey)
    save("bits.png", image.convert("1"))
    save("palette.png", image.convert("P", palette=Image.ADAPTIVE, colors=16))
    save("transparent.png", image.convert("P", palette=Image.ADAPTIVE, colors=16), transparency=3)
    save("palette.bmp", image.convert("P"))
    with_alpha = image.convert("RGBA")
    with_alpha.putalpha(other.convert("L"))
    save("rgba.png", with_alpha)
    save("rgba.webp", with_alpha, lossless=True)
    save("grey_alpha.png", with_alpha.convert("LA"))
    save("animated.png", save_all=True, append_images=[other])
    save("animated.webp", save_all=True, append_images=[other], lossless=True)
    turned = Image.Exif()
    turned[0x112] = 6
    save("turned.png", exif=turned)
    colors = np.asarray(image).astype(np.uint16)
    png16(FILES / "rgb16.png", colors * 250 + 7, 2)
    png16(FILES / "rgba16.png", np.dstack([colors * 250 + 7, colors[:, :, :1] * 200]), 6)
    png16(FILES / "grey16.png", np.asarray(grey)[:, :, None].astype(np.uint16) * 2, 0)
    png16(FILES / "grey_alpha16.png", np.dstack([np.asarray(grey)] * 2).astype(np.uint16) * 250 + 7, 4)
    for name, size, seed in (("wide.png", (23, 61), 3), ("tall.png", (71, 17), 4), ("tiny.png", (1, 1), 5), ("small.png", (5, 7), 6)):
        picture(*size, seed).save(FILES / name)


def settings():
    """Pairs of settings and the height and width of the model."""
    for resample in range(6):
        yield {"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 20}, "resample": resample}, (16, 20)
    yield {"feature_extractor_type": "ViTFeatureExtractor", "size": 19}, (19, 19)
    yield {"image_processor_type": "ViTImageProcessorFast", "size": {"height": 40, "width": 64}, "resample": 1}, (40, 64)
    yield {"image_processor_type": "DeiTImageProcessor", "size": {"height": 24, "width": 25}, "crop_size": {"height": 21, "width": 20}}, (21, 20)
    yield {"image_processor_type": "DeiTFeatureExtractor", "size": 20, "crop_size": 27}, (27, 27)
    yield {"image_processor_type": "DeiTImageProcessorFast", "size": {"shortest_edge": 22}, "crop_size": 21, "resample": 2}, (21, 21)
    limits = {"shortest_edge": 22, "longest_edge": 30}
    yield {"image_processor_type": "ViTImageProcessor", "size": limits, "do_center_crop": True, "crop_size": {"height": 19, "width": 20}}, (19, 20)
    yield {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 24}, "crop_pct": 0.875}, (24, 24)
    yield {"image_processor_type": "ConvNextFeatureExtractor", "size": 21, "crop_pct": 0.9, "resample": 2}, (21, 21)
    yield {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}}, (384, 384)
    no_resize = {"do_resize": False, "do_center_crop": True, "crop_size": {"height": 20, "width": 21}}
    yield {"image_processor_type": "ViTImageProcessor"} | no_resize, (20, 21)


def processed(settings, image):
    name = settings.get("image_processor_type") or settings["feature_extractor_type"]
    family = next(family for family in CLASSES if name.startswith(family))
    options = {key: value for key, value in settings.items() if not key.endswith("_type")}
    return np.moveaxis(np.asarray(CLASSES[family](**options)(image)["pixel_values"][0]), 0, -1)


def timm_settings():
    size = [3, 20, 20]
    for mode in ("center", "squash", "border"):
        yield {"input_size": size, "crop_pct": 0.9, "interpolation": "bicubic", "crop_mode": mode, "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.5, 0.5]}
    yield {"input_size": [3, 24, 18], "crop_pct": 0.875, "interpolation": "bilinear", "crop_mode": "center", "mean": [0.5] * 3, "std": [0.5] * 3}
    yield {"input_size": [3, 21, 26], "crop_pct": 1.0, "interpolation": "bicubic", "crop_mode": "border", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def by_timm(settings, image):
    options = {key: value for key, value in settings.items() if key != "input_size"}
    transform = timm.data.create_transform(tuple(settings["input_size"]), is_training=False, **options)
    values = np.moveaxis(transform(image).numpy(), 0, -1)
    levels = (values * np.float32(options["std"]) + np.float32(options["mean"])) * 255
    assert abs(levels - levels.round()).max() < 1e-3
    return levels.round()


def main():
    write_files()
    cases, expected = [], bytearray()

    def case(name, channels, folder, values, kind="u8"):
        values = np.ascontiguousarray(values, dtype="<f4" if kind == "f32" else np.uint8)
        data = values.tobytes()
        entry = {"image": name, "channels": channels, "size": list(values.shape[:2]), "type": kind, "folder": folder}
        if len(data) > 3_000:
            entry["sha256"] = hashlib.sha256(data).hexdigest()
        else:
            # The same samples, for example of several lossless formats, are stored once.
            first = bytes(expected).find(data)
            if first < 0:
                first = len(expected)
                expected.extend(data)
            entry |= {"first": first, "bytes": len(data)}
        cases.append(entry)

    # The formats: what Pillow decodes, without a change of size.
    for path in sorted(FILES.iterdir()):
        image = Image.open(path)
        own = {"image_processor_type": "ViTImageProcessor", "do_resize": False} | RAW
        for channels, mode in ((3, "RGB"), (1, "L")):
            decoded = image.convert(mode)
            case(path.name, channels, {"preprocessor_config.json": own}, np.asarray(decoded).reshape(decoded.height, decoded.width, channels))
    # The processors.
    for own, _ in settings():
        for name in ("rgb.png", "wide.png", "tall.png", "tiny.png", "small.png"):
            image = Image.open(FILES / name).convert("RGB")
            ratio = max(image.size) / min(image.size)
            case(name, 3, {"preprocessor_config.json": own | RAW}, processed(own | RAW, image))
            assert ratio < 100
    # The numbers after scaling and normalization.
    for own in (
        {"image_processor_type": "ViTImageProcessor", "size": {"height": 6, "width": 5}},
        {"image_processor_type": "ViTImageProcessor", "size": 5, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]},
        {"image_processor_type": "ViTImageProcessor", "size": 5, "rescale_factor": 0.5, "image_mean": 0.25, "image_std": 0.125},
        {"image_processor_type": "ViTImageProcessor", "size": 5, "do_normalize": False},
    ):
        case("rgb.png", 3, {"preprocessor_config.json": own}, processed(own, Image.open(FILES / "rgb.png")), "f32")
    grey = {"image_processor_type": "ViTImageProcessor", "size": 6, "image_mean": [0.1307], "image_std": [0.3081]}
    case("grey.png", 1, {"preprocessor_config.json": grey}, processed(grey, Image.open(FILES / "grey.png")), "f32")
    for own in timm_settings():
        for name in ("rgb.png", "wide.png", "tall.png", "small.png"):
            case(name, 3, {"config.json": {"architecture": "vit", "pretrained_cfg": own}}, by_timm(own, Image.open(FILES / name)))
    (HERE / "expected.bin").write_bytes(zlib.compress(bytes(expected), 9))
    lines = ",\n".join(json.dumps(entry) for entry in cases)
    (HERE / "goldens.json").write_text(f"[\n{lines}\n]\n")


main()
