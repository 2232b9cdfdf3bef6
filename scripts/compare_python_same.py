"""The whole job of `railwatch detect` in the plain way: every output, simpler statistics.

What compare_python.py leaves out is here: strips along the track and along placebo tracks, a scan over window lengths,
p-values and the threshold from the placebos, a detection limit, the change map as COG, annotated figures with close-ups,
an HTML page with profiles, checksums and a record. Left out are railwatch's robust regression, IR-MAD, shadows and swipe.
Usage: compare_python_same.py BASELINE TARGET RAILS OUT
"""

import base64
import hashlib
import html
import json
import pathlib
import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import rasterio
import rasterio.warp
from compare_python import clouds, normalise, picture, read, register
from scipy import ndimage
from shapely.geometry import Polygon, box, shape
from shapely.ops import linemerge, unary_union

OFFSETS_PX = np.arange(-20, 20.01, 0.5)
PLACEBO_PX = 4.0  # placebos lie at least this far from the rail
LENGTHS_PX = (6, 10, 16, 24, 40, 80)
FALSE_ALARMS = 2.0  # per 100 km, as railwatch's --false-alarms
CLOSE_UPS = 5
CARGOS = {"coal": -0.08, "rust": -0.02, "grey box": 0.08, "white": 0.29, "blue tarpaulin": 0.04}


def tracks_of(rails_path, crs, bounds):
    """Rail lines merged and cut to the scene, in the scene's CRS."""
    with open(rails_path, encoding="utf-8") as file:
        features = json.load(file)["features"]
    lines = [shape(rasterio.warp.transform_geom("EPSG:4326", crs, f["geometry"])) for f in features]
    merged = unary_union(lines)
    merged = linemerge(merged) if merged.geom_type == "MultiLineString" else merged
    inside = merged.intersection(box(*bounds))
    return [line for line in getattr(inside, "geoms", [inside]) if line.length > 60]


def frame_of(line, step):
    """Points every `step` metres along a line, and the direction across it."""
    chainage = np.arange(0, line.length, step)
    points = np.array([line.interpolate(s).coords[0] for s in chainage])
    ahead = np.array([line.interpolate(min(s + step, line.length)).coords[0] for s in chainage])
    behind = np.array([line.interpolate(max(s - step, 0)).coords[0] for s in chainage])
    along = (ahead - behind) / np.linalg.norm(ahead - behind, axis=1, keepdims=True)
    return chainage, points, np.stack([along[:, 1], -along[:, 0]], axis=1)


def strip(values, valid, transform, points, across, pixel):
    """(band, along, across) by cubic interpolation, and where it may be trusted."""
    places = points[:, None, :] + OFFSETS_PX[None, :, None] * pixel * across[:, None, :]
    cols, rows = ~transform * (places[..., 0], places[..., 1])
    at = [rows - 0.5, cols - 0.5]
    sampled = np.stack([ndimage.map_coordinates(band, at, order=3, mode="nearest") for band in values])
    seen = ndimage.map_coordinates(valid.astype(np.float32), at, order=1, mode="constant") > 0.99
    return sampled, seen


def filtered(difference):
    """The profile of a 3 m train across the track, zero mean."""
    t = np.arange(-3, 3.01, 0.5)
    kernel = np.exp(-0.5 * (t / 0.65) ** 2)
    kernel -= kernel.mean()
    kernel /= np.linalg.norm(kernel)
    return ndimage.correlate1d(difference, kernel, axis=2, mode="nearest")


def scan(series, inverse):
    """Largest statistic of windows of every length: value, start and length for each end of window and column."""
    total = np.cumsum(np.pad(series, ((0, 0), (1, 0), (0, 0))), axis=1)
    best = []
    for length in LENGTHS_PX:
        if length > series.shape[1]:
            continue
        sums = (total[:, length:] - total[:, :-length]) / np.sqrt(length)
        best.append((length, np.sqrt(np.einsum("bsc,bd,dsc->sc", sums, inverse, sums))))
    return best


def peaks(statistic_by_length, columns, threshold):
    """Greedy: the largest window first, then the next that does not overlap it."""
    found = []
    for length, statistic in statistic_by_length:
        for start, column in zip(*np.nonzero(statistic[:, columns] > threshold)):
            found.append((float(statistic[start, columns][column]), int(start), length))
    kept = []
    for value, start, length in sorted(found, reverse=True):
        if all(start + length <= s or s + n <= start for _, s, n in kept):
            kept.append((value, start, length))
    return kept


def figure(images, extent, tracks, found, view, title, caption, path):
    """Before and after at one stretch, boxed and numbered, 1600 px wide."""
    fig, axes = plt.subplots(1, 2, figsize=(16, 10), dpi=100)
    for axis, image, name in zip(axes, images, ("Before", "After")):
        axis.imshow(image, extent=extent, interpolation="bicubic")
        for line in tracks:
            axis.plot(*line.xy, color="white", linewidth=1)
        for number, one in enumerate(found, start=1):
            x, y = one["polygon"].exterior.xy
            axis.plot(x, y, color="gold", linewidth=2)
            label = f"{number}: {one['length_m']:.0f} m, {one['false_alarms']:.2f} false alarms per 100 km"
            axis.annotate(label, (max(x), max(y)), color="white", fontsize=9, annotation_clip=True,
                          bbox=dict(facecolor="black", alpha=0.8))
        axis.set_xlim(view[0], view[2])
        axis.set_ylim(view[1], view[3])
        axis.set_title(name, loc="left")
        axis.ticklabel_format(useOffset=False, style="plain")
    bar = 10 ** np.floor(np.log10((view[2] - view[0]) / 3))
    x, y = view[0] + 0.05 * (view[2] - view[0]), view[1] + 0.05 * (view[3] - view[1])
    axes[1].plot([x, x + bar], [y, y], color="white", linewidth=4)
    axes[1].text(x, y, f"{bar:.0f} m", color="white", va="bottom")
    axes[1].annotate("N", xy=(0.95, 0.97), xytext=(0.95, 0.87), xycoords="axes fraction", color="white", ha="center",
                     arrowprops=dict(arrowstyle="<-", color="white"))
    fig.suptitle(title)
    fig.text(0.02, 0.02, caption)
    fig.savefig(path)
    plt.close(fig)


def profile(chainage, statistic, threshold, path):
    fig, axis = plt.subplots(figsize=(12, 3), dpi=100)
    axis.plot(chainage[: len(statistic)] / 1000, statistic, color="black", linewidth=0.8)
    axis.axhline(threshold, color="red", linestyle="--")
    axis.set_xlabel("km along the track")
    fig.savefig(path)
    plt.close(fig)


def inline(path):
    return f'<img src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'


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
    height, width = usable.shape
    pixel = abs(transform.a)
    extent = (transform.c, transform.c + width * pixel, transform.f - height * pixel, transform.f)
    tracks = tracks_of(rails_path, crs, (extent[0], extent[2], extent[1], extent[3]))

    strips = []
    for line in tracks:
        chainage, points, across = frame_of(line, pixel)
        before, seen_before = strip(baseline, valid_baseline, transform, points, across, pixel)
        after, seen_after = strip(target, valid_target, transform, points, across, pixel)
        change = filtered(after - before)
        change[:, ~(seen_before & seen_after)] = 0
        strips.append((line, chainage, points, across, change, seen_before & seen_after))
    placebo = np.abs(OFFSETS_PX) >= PLACEBO_PX
    on_rail = np.abs(OFFSETS_PX) <= 1
    flank = np.concatenate([c[:, :, placebo].reshape(len(baseline), -1) for *_, c, _ in strips], axis=1)
    inverse = np.linalg.inv(np.cov(flank))
    null, placebo_km = [], 0.0
    scanned = [scan(change, inverse) for *_, change, _ in strips]
    for (line, *_), statistics in zip(strips, scanned):
        for column in np.nonzero(placebo)[0][::4]:
            null += [value for value, _, _ in peaks(statistics, np.arange(len(placebo)) == column, 2.0)]
            placebo_km += line.length / 1000
    null = np.sort(null)[::-1]
    allowed = int(FALSE_ALARMS * placebo_km / 100)
    threshold = null[min(allowed, len(null) - 1)]

    found = []
    for (line, chainage, points, across, *_), statistics in zip(strips, scanned):
        for value, start, length in peaks(statistics, on_rail, threshold):
            part = np.s_[start : start + length]
            outline = np.concatenate([points[part] + pixel * across[part], (points[part] - pixel * across[part])[::-1]])
            above = np.count_nonzero(null >= value)
            found.append({
                "polygon": Polygon(outline), "score": value, "length_m": length * pixel, "start_m": chainage[start],
                "p_value": (1 + above) / (1 + len(null)), "false_alarms": 100 * above / placebo_km,
            })
    found.sort(key=lambda one: -one["score"])
    limits = {}
    for cargo, contrast in CARGOS.items():
        signal = np.full(len(baseline), 10_000 * 0.3 * contrast)
        fits = [n for n in range(6, 81) if np.sqrt(n * signal @ inverse @ signal) > threshold + 1.28]
        limits[cargo] = fits[0] * pixel if fits else None

    spread = 1.4826 * np.median(np.abs((target - baseline)[:, usable]), axis=1)
    statistic = np.sqrt(np.sum(((target - baseline) / spread[:, None, None]) ** 2, axis=0)).astype(np.float32)
    statistic[~usable] = np.nan
    profile_of = dict(driver="COG", compress="deflate", predictor="yes", dtype="float32", nodata=np.nan, count=1)
    with rasterio.open(out / "change.tif", "w", height=height, width=width, crs=crs, transform=transform, **profile_of) as file:
        file.write(statistic, 1)

    low, high = np.percentile(baseline[:, usable], [2, 98])
    images = [picture(baseline, valid_baseline, low, high), picture(target, valid_target, low, high)]
    for image, name in zip(images, ("before", "after")):
        image.save(out / f"panel_{name}.png")
    views = [(extent[0], extent[2], extent[1], extent[3])]
    views += [one["polygon"].centroid.buffer(500).bounds for one in found[:CLOSE_UPS]]
    pages = []
    for number, view in enumerate(views, start=1):
        pages.append(out / f"report-{number}.png")
        figure(images, extent, tracks, found, view, "Rail corridor", f"Figure {number}. {len(found)} changes.", pages[-1])
    plots = []
    for number, ((_, chainage, *_), statistics) in enumerate(zip(strips, scanned)):
        plots.append(out / f"profile-{number}.png")
        profile(chainage, statistics[0][1][:, on_rail].max(axis=1), threshold, plots[-1])

    features = [
        {
            "type": "Feature",
            "geometry": rasterio.warp.transform_geom(crs, "EPSG:4326", one["polygon"].__geo_interface__, precision=7),
            "properties": {key: value for key, value in one.items() if key != "polygon"},
        }
        for one in found
    ]
    collection = {"type": "FeatureCollection", "features": features}
    (out / "detections.geojson").write_text(json.dumps(collection), encoding="utf-8")
    rows = "".join(
        f"<tr><td>{n}<td>{one['length_m']:.0f} m<td>{one['p_value']:.4f}<td>{one['false_alarms']:.2f}</tr>"
        for n, one in enumerate(found, start=1)
    )
    body = "".join(map(inline, pages + plots))
    limit_text = html.escape(json.dumps(limits))
    page = f"<!DOCTYPE html><title>Report</title><table>{rows}</table><p>{limit_text}</p>{body}"
    (out / "report.html").write_text(page, encoding="utf-8")
    inputs = (baseline_path, target_path, rails_path)
    record = {
        "inputs": {str(path): hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest() for path in inputs},
        "shift": list(map(float, shift)), "placebo_km": placebo_km, "threshold": float(threshold), "limits_m": limits,
    }
    (out / "run.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(json.dumps({"detections": len(found), "shift": list(shift), "work_s": time.perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
