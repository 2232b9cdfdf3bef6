//! Real products, where the folder of real data is there.

use super::{names_of, open};
use crate::grid::Window;
use crate::io::*;
use crate::raster::Validity;

fn real(part: &str) -> Option<String> {
    real_data::real(part).map(|path| path.display().to_string())
}

#[test]
fn real_jpeg2000_pair() {
    let Some(path) = real("s2_pair_t33uuu_2016/tgt_S2A_20160529T153631_T33UUU_sub.jp2") else { return };
    let scene = open(&path).unwrap();
    assert_eq!(scene.grid.shape, (3152, 2074));
    assert_eq!(scene.grid.crs.epsg, Some(32_633));
    assert_eq!(scene.datetime.unwrap().to_string(), "2016-05-29T15:36:31Z");
    assert_eq!(scene.platform.as_deref(), Some("Sentinel-2A"));
    let raster = read_raster(&scene, scene.grid.window(), &[0]).unwrap();
    let edge = raster.fraction(|v| v.contains(Validity::NO_DATA));
    assert!(edge > 0.001 && edge < 0.9, "{edge}");
}

#[test]
fn real_geotiffs_and_rails() {
    let (Some(path), Some(rails)) = (
        real("s2_pair_bernau_2021/bernau_S2_20210126_B02B03B04.tif"),
        real("s2_pair_bernau_2021/rails.geojson"),
    ) else {
        return;
    };
    let scene = open(&path).unwrap();
    assert_eq!(names_of(&scene), ["B02", "B03", "B04"]);
    assert_eq!(scene.datetime.unwrap().to_string(), "2021-01-26T00:00:00Z");
    let raster = read_raster(&scene, scene.grid.window(), &[0, 1, 2]).unwrap();
    assert!(raster.valid_fraction() > 0.9);
    let lines = read_lines(&rails, &scene.grid.crs).unwrap();
    assert!(scene.grid.window_around(lines[0].vertices.iter().copied(), 0.0).is_some());
}

#[test]
fn real_stack_with_its_classification() {
    let Some(path) = real("s2_s1_stack_belgium_a/S2_L2A_20171220_B02B03B04B08_10m.tif") else { return };
    let scene = open(&path).unwrap();
    assert_eq!(names_of(&scene), ["B02", "B03", "B04", "B08"]);
    assert!(scene.classification.as_ref().unwrap().gdal_path.contains("S2_SCL_20171220"));
    assert_eq!(scene.datetime.unwrap().to_string(), "2017-12-20T11:04:40Z");
    assert!(read_raster(&scene, scene.grid.window(), &[0, 1, 2, 3]).is_ok());
    let inner = real("s1_s2_mol_2023/S2_L2A_20230407_B04B08SCL.tif").unwrap();
    let scene = open(&inner).unwrap();
    assert_eq!(
        (names_of(&scene), scene.classification.as_ref().unwrap().band_index),
        (vec!["B04", "B08"], 3)
    );
}

#[test]
fn real_stac_items_of_jpeg2000_named_tif() {
    let Some(root) = real("s2_jp2_stac_33twm_120m") else { return };
    for id in ["S2A_33TWM_20230815_0_L2A", "S2B_33TWM_20230810_0_L2A"] {
        let scene = open(&format!("{root}/{id}/{id}.json")).unwrap();
        assert_eq!((names_of(&scene), scene.id.as_str()), (vec!["B02", "B03", "B04", "B08"], id));
        assert!(scene.classification.is_some() && scene.datetime.is_some());
        assert!(scene.scaling.offset.abs() < 1e-9 && scene.scaling.rule.contains("applied"));
        let raster = read_raster(&scene, scene.grid.window(), &[0, 2]).unwrap();
        let cloud = raster.fraction(|v| v.contains(Validity::CLOUD));
        assert!(cloud > 0.5 || id.contains("0815"), "{cloud}");
        let folder = open(&format!("{root}/{id}")).unwrap();
        assert_eq!((folder.id.as_str(), folder.platform), (id, scene.platform));
    }
}

#[test]
fn real_stac_responses_parse() {
    let Some(root) = real("stac_responses") else { return };
    let mut items = 0;
    let mut check = |item: &serde_json::Value| {
        let id = item["id"].as_str().unwrap_or_default();
        if item.get("assets").is_none() || !(id.starts_with("S2") && id.contains('_')) {
            return;
        }
        let parsed = StacItem::parse(item, "https://example.org/items/x").unwrap();
        assert!(parsed.datetime.is_some() && parsed.platform.is_some(), "{id}");
        for band in ["B02", "B03", "B04", "B08"] {
            let asset = parsed.asset(band);
            assert!(
                asset.is_some_and(|a| a.gdal_path.starts_with("/vsi")),
                "{id} {band} {:?}",
                parsed.assets
            );
        }
        items += 1;
    };
    for path in glob::glob(&format!("{root}/**/*.json")).unwrap().filter_map(Result::ok) {
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap_or_default();
        match json["features"].as_array() {
            Some(features) => features.iter().for_each(&mut check),
            None => check(&json),
        }
    }
    assert!(items >= 15, "{items}");
}

#[test]
fn real_safe_products() {
    let Some(root) = real("safe_products/s2") else { return };
    let l2a = format!("{root}/S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE");
    assert!(open(&l2a).unwrap_err().to_string().contains("no image of B02"));
    let l1c = format!("{root}/S2A_MSIL1C_20180101T105441_N0206_R051_T31TDH_20180101T124911");
    let bands = Some(vec!["B01".to_owned()]);
    let scene = open_scene(&l1c, &SceneOptions { bands, ..SceneOptions::default() }).unwrap();
    assert_eq!(scene.datetime.unwrap().to_string(), "2018-01-01T10:54:41.026Z");
    assert_eq!((scene.platform.as_deref(), scene.grid.shape), (Some("Sentinel-2A"), (1830, 1830)));
    assert!(scene.scaling.offset.abs() < 1e-9, "{:?}", scene.scaling);
    assert!(read_raster(&scene, Window { row: 900, col: 900, height: 50, width: 50 }, &[0]).is_ok());
}

#[test]
fn real_openstreetmap_extract() {
    let Some(path) = real("osm_helsinki/Helsinki.osm.pbf") else { return };
    let lines = read_lines(&path, &crs_from_epsg(32_635).unwrap()).unwrap();
    assert!(lines.len() > 100, "{}", lines.len());
    assert!(lines.iter().all(|l| l.source_id.is_some()));
}

#[test]
fn real_radar_without_geotransform_is_laid_on_the_map() {
    let Some(path) = real("s1_grd_gcp_2018/iw-vv.tiff") else { return };
    assert!(open(&path).unwrap().scaling.rule.contains("geocoded by 210 control points"));
}
