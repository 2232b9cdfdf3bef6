"""The job of `railwatch detect` as one would script it in an afternoon: rasterio, scikit-image, NumPy, Shapely.

Reads two scenes of one grid, registers, resamples, normalises, differences, thresholds, polygonises near the rails,
and writes detections.geojson and report.png. Usage: compare_python.py BASELINE TARGET RAILS OUT
"""

import json
import pathlib
import sys
import time

import numpy as np
import rasterio
import rasterio.features
import rasterio.warp
from PIL import Image, ImageDraw
from scipy import ndimage
from shapely.geometry import mapping, shape
from shapely.ops import unary_union
from skimage.registration import phase_cross_correlation

BUFFER_M = 250.0  # as railwatch's --buffer-m
RAIL_M = 15.0  # a detection must come this close to a rail
SIGMA = 4.0
MIN_PIXELS = 6


def read(path):
    with rasterio.open(path) as scene:
        values = scene.read().astype(np.float32)
        valid = np.all(np.isfinite(values), axis=0) & np.any(values != 0, axis=0)
        if scene.nodata is not None:
            valid &= np.all(values != scene.nodata, axis=0)
        return values, valid, scene.transform, scene.crs


def clouds(values, valid):
    """Bright and white, dilated."""
    visible = values[:3]
    mean = visible.mean(axis=0)
    whiteness = np.abs(visible - mean).sum(axis=0) / np.maximum(mean, 1e-6)
    bright = mean > 3 * np.median(mean[valid])
    return ndimage.binary_dilation(bright & (whiteness < 0.3), iterations=5)


def register(baseline, target, usable):
    """Median shift over windows of 128 pixels of the last band."""
    shifts = []
    size = 128
    height, width = usable.shape
    for row in range(0, height - size + 1, size // 2):
        for col in range(0, width - size + 1, size // 2):
            part = np.s_[row : row + size, col : col + size]
            if usable[part].mean() < 0.9:
                continue
            taper = np.outer(np.hanning(size), np.hanning(size))
            a, b = baseline[-1][part], target[-1][part]
            shift, _, _ = phase_cross_correlation((a - a.mean()) * taper, (b - b.mean()) * taper, upsample_factor=50)
            shifts.append(shift)
    return np.median(shifts, axis=0) if shifts else np.zeros(2)


def normalise(baseline, target, usable):
    """Linear fit of each band over the pixels that changed least, three rounds of trimming."""
    result = np.empty_like(target)
    for band, (x, y) in enumerate(zip(baseline, target)):
        keep = usable.copy()
        for _ in range(3):
            gain, offset = np.polyfit(y[keep], x[keep], 1)
            residual = x - (gain * y + offset)
            spread = 1.4826 * np.median(np.abs(residual[keep]))
            keep = usable & (np.abs(residual) < 3 * spread)
        result[band] = gain * target[band] + offset
    return result


def picture(values, valid, low, high):
    bands = values[[2, 1, 0]] if len(values) >= 3 else values[[0, 0, 0]]
    grey = np.clip((bands - low) / (high - low), 0, 1)
    grey[:, ~valid] = 0
    return Image.fromarray((np.moveaxis(grey, 0, -1) * 255).astype(np.uint8))


def main(baseline_path, target_path, rails_path, out):
    started = time.perf_counter()
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    baseline, valid_baseline, transform, crs = read(baseline_path)
    target, valid_target, _, _ = read(target_path)
    valid_baseline &= ~clouds(baseline, valid_baseline)
    valid_target &= ~clouds(target, valid_target)

    shift = register(baseline, target, valid_baseline & valid_target)
    target = np.stack([ndimage.shift(band, shift, order=3, mode="nearest") for band in target])
    valid_target = ndimage.shift(valid_target.astype(np.float32), shift, order=1) > 0.99
    usable = valid_baseline & valid_target
    target = normalise(baseline, target, usable)

    difference = target - baseline
    spread = 1.4826 * np.median(np.abs(difference[:, usable]), axis=1)
    statistic = np.sqrt(np.sum((difference / spread[:, None, None]) ** 2, axis=0))

    with open(rails_path, encoding="utf-8") as file:
        features = json.load(file)["features"]
    rails = unary_union([shape(rasterio.warp.transform_geom("EPSG:4326", crs, f["geometry"])) for f in features])
    corridor = rasterio.features.geometry_mask(
        [mapping(rails.buffer(BUFFER_M))], usable.shape, transform, invert=True
    )
    changed = (statistic > SIGMA * np.sqrt(len(baseline))) & usable & corridor
    found = []
    near = rails.buffer(RAIL_M)
    for geometry, _ in rasterio.features.shapes(changed.astype(np.uint8), mask=changed, transform=transform):
        polygon = shape(geometry)
        if polygon.area < MIN_PIXELS * abs(transform.a * transform.e) or not polygon.intersects(near):
            continue
        inside = rasterio.features.geometry_mask([geometry], usable.shape, transform, invert=True)
        found.append((float(statistic[inside].max()), polygon, rails.intersection(polygon.buffer(RAIL_M)).length))
    found.sort(key=lambda one: -one[0])

    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": rasterio.warp.transform_geom(crs, "EPSG:4326", mapping(polygon), precision=7),
                "properties": {"score": score, "length_m": length},
            }
            for score, polygon, length in found
        ],
    }
    (out / "detections.geojson").write_text(json.dumps(collection), encoding="utf-8")

    low, high = np.percentile(baseline[:, usable], [2, 98])
    height, width = usable.shape
    figure = Image.new("RGB", (2 * width + 10, height), "white")
    figure.paste(picture(baseline, valid_baseline, low, high), (0, 0))
    figure.paste(picture(target, valid_target, low, high), (width + 10, 0))
    draw = ImageDraw.Draw(figure)
    for number, (_, polygon, _) in enumerate(found, start=1):
        corners = [~transform * point for point in (polygon.bounds[:2], polygon.bounds[2:])]
        (x0, y1), (x1, y0) = corners
        for left in (0, width + 10):
            draw.rectangle((x0 - 3 + left, y0 - 3, x1 + 3 + left, y1 + 3), outline="red")
            draw.text((x1 + 5 + left, y0), str(number), fill="red")
    figure.resize((2 * figure.width, 2 * figure.height)).save(out / "report.png")
    print(json.dumps({"detections": len(found), "shift": list(shift), "work_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
