#!/usr/bin/env python3
"""Makes pairs of scenes whose shift is known, for scripts/compare-registration.

Texture is made four times finer than the pixels and smoothed like a sensor, so any shift can be sampled from it by cubic
splines to a thousandth of a pixel. A shift d is added to a moving (row, col) to get the reference's.

  registration_scenes.py DIR SIDE        reference.tif, constant.tif, field.tif, field_truth.npy
"""

import pathlib
import sys

import numpy as np

FINE = 4
SEED = 20261124
CONSTANT = (-0.62, 0.37)  # row, col
BANDS = {"B02": 0.55, "B03": 0.7, "B04": 1.0, "B08": 1.6}


def ndimage():
    # Peers' environments use the truth alone and need not have SciPy.
    from scipy import ndimage as module

    return module


def smooth(rng, shape, sigma):
    noise = ndimage().gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return noise / noise.std()


def texture(rng, side):
    """Fields with sharp borders, soft relief and small spots, on the fine lattice; about 0.05…0.35."""
    fine = np.zeros((side * FINE, side * FINE), np.float32)
    for sigma, levels, height in [(40, 5, 0.05), (14, 4, 0.04), (5, 3, 0.025)]:
        contours = ndimage().zoom(smooth(rng, (side, side), sigma), FINE, order=1)
        fine += height * np.round(contours * levels / 3) / levels * 3 / 2
    spots = np.where(rng.random((side, side), dtype=np.float32) < 0.01, 0.12, 0).astype(np.float32)
    fine += np.kron(spots, np.ones((FINE, FINE), np.float32))
    fine += ndimage().zoom(0.02 * smooth(rng, (side, side), 1.0), FINE, order=1)
    # A sensor's blur, σ = 0.55 px.
    return ndimage().gaussian_filter(0.2 + fine, 0.55 * FINE, mode="wrap")


def field(side, row, col):
    """The smooth field (row, col) at places of the reference; ±1.5 px, RMS 0.95 px."""
    u, v = 2 * np.pi * row / side, 2 * np.pi * col / side
    down = np.sin(1.1 * u + 0.4) * np.cos(0.8 * v) + 0.35 * np.sin(1.7 * v + 1.0)
    along = np.cos(0.9 * u) * np.sin(1.2 * v + 0.9) - 0.35 * np.cos(1.6 * u + 0.3)
    return FIELD_SCALE * down, FIELD_SCALE * along


FIELD_SCALE = 1.0


def scaled(side):
    global FIELD_SCALE
    grid = np.mgrid[0:side:32, 0:side:32].astype(float)
    down, along = field(side, *grid)
    FIELD_SCALE = 0.95 / np.sqrt((down**2 + along**2).mean())


def sampled(coefficients, row, col):
    # Fine pixel k of a coarse one has its centre at (k + 0.5) / FINE − 0.5.
    place = [(row + 0.5) * FINE - 0.5, (col + 0.5) * FINE - 0.5]
    return ndimage().map_coordinates(coefficients, place, order=3, prefilter=False, mode="grid-wrap", output=np.float32)


def clouds(rng, side, share):
    veil = smooth(rng, (side, side), 30)
    level = np.quantile(veil, 1 - share)
    return np.clip((veil - level) / 0.15, 0, 1)


def write(path, bands):
    import rasterio
    from rasterio.transform import from_origin

    side = bands[0].shape[0]
    profile = dict(driver="GTiff", width=side, height=side, count=len(bands), dtype="uint16", crs="EPSG:32633",
                   transform=from_origin(300000, 5800000, 10, 10), nodata=0, tiled=True, blockxsize=512, blockysize=512,
                   compress="deflate", predictor=2, interleave="pixel")
    with rasterio.open(path, "w", **profile) as file:
        for i, (name, band) in enumerate(zip(BANDS, bands), 1):
            file.write(np.clip(np.round(band * 10000), 1, 65534).astype(np.uint16), i)
            file.set_band_description(i, name)


def main():
    folder, side = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    fine = ndimage().spline_filter(texture(rng, side), order=3, mode="grid-wrap", output=np.float32)
    scaled(side)
    row, col = np.mgrid[0:side, 0:side].astype(np.float32)
    noise = lambda: 0.004 * rng.standard_normal((side, side), dtype=np.float32)
    here = sampled(fine, row, col)
    write(folder / "reference.tif", [gain * here + noise() for gain in BANDS.values()])
    places = {"constant": (row + CONSTANT[0], col + CONSTANT[1])}
    # p = m + d(p): where a moving pixel comes to.
    p = (row.astype(float), col.astype(float))
    for _ in range(20):
        d = field(side, *p)
        p = (row + d[0], col + d[1])
    places["field"] = p
    for name, (r, c) in places.items():
        cover = clouds(rng, side, 0.08)
        change = 1 + 0.1 * smooth(rng, (side, side), 60)
        ground = sampled(fine, r, c) * change
        veiled = [(1 - cover) * (0.9 * gain * ground + 0.01) + cover * 0.7 + noise() for gain in BANDS.values()]
        write(folder / f"{name}.tif", veiled)
        np.save(folder / f"{name}_cloud.npy", cover > 0)
    nodes = np.mgrid[0:side:8, 0:side:8].astype(float)
    down, along = field(side, *nodes)
    np.save(folder / "field_truth.npy", np.stack([down, along]).astype(np.float32))
    print(f"field: RMS {np.sqrt((down**2 + along**2).mean()):.3f} px, largest {max(abs(down).max(), abs(along).max()):.2f} px")


if __name__ == "__main__":
    main()
