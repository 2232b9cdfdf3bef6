//! Real responses of Earth Search, Planetary Computer and the Copernicus catalogues, where the folder of real data is there.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod real_data;

use railwatch::catalog::{Area, Catalog, CatalogAddress, HttpParams, Item, Query, SelectParams, select};
use real_data::real;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "json") {
            found.push(path);
        }
    }
    found.sort();
}

fn read(path: &Path) -> Value {
    let json: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    // Recorded exchanges hold the request beside the response.
    json.get("response").cloned().unwrap_or(json)
}

/// Every item of a response.
fn items(json: &Value) -> Vec<Item> {
    let one = || json.get("assets").and(json.get("properties")).map(|_| vec![json.clone()]);
    let list = ["features", "value"].iter().find_map(|k| json.get(k)?.as_array().cloned()).or_else(one);
    list.into_iter().flatten().map(|i| Item::parse(i, "https://example.org/items").unwrap()).collect()
}

fn item(root: &Path, file: &str, id: &str) -> Item {
    items(&read(&root.join(file))).into_iter().find(|i| i.id == id).unwrap()
}

const RECORDED: &str = "pystac_client_cassettes/TestCLISearch_test_filter_inprocess__1.json";

#[test]
fn every_response_parses() {
    let Some(root) = real("stac_responses") else { return };
    let (mut paths, mut count, mut sentinel2) = (Vec::new(), 0, 0);
    files(&root, &mut paths);
    for path in &paths {
        for item in items(&read(path)) {
            count += 1;
            if item.platform.as_ref().is_some_and(|p| p.starts_with("Sentinel-2")) {
                sentinel2 += 1;
                assert!(item.tile.is_some() && item.datetime.is_some(), "{} in {}", item.id, path.display());
                assert!(!item.footprint.0.is_empty(), "{}", item.id);
            }
        }
    }
    assert!(
        paths.len() >= 28 && count >= 100 && sentinel2 >= 60,
        "{} files, {count}, {sentinel2}",
        paths.len()
    );
}

/// The same file name, band and offset rules for the copies of one product by different providers.
#[test]
fn offsets_follow_the_document_that_is_right() {
    let Some(root) = real("stac_responses") else { return };
    let offset = |item: &Item| item.stac.scaling.offset.round() as i64;
    // The old copies of Earth Search have the offset applied and say so, though `raster:bands` repeats −0.1.
    let applied = item(&root, RECORDED, "S2B_20EPT_20250731_0_L2A");
    assert_eq!(offset(&applied), 0, "{:?}", applied.stac.scaling);
    // Collection 1 stores what ESA delivered.
    let own = item(&root, RECORDED, "S2B_T20EPT_20250731T131905_L2A");
    assert_eq!(offset(&own), -1000, "{:?}", own.stac.scaling);
    // Planetary Computer tells no offset: the baseline does, 04.00 on …
    let new = "S2A_MSIL2A_20230216T150721_R082_T19PHS_20230217T082924";
    assert_eq!(offset(&item(&root, "rustac/crates_io_mocks_search-page-1.json", new)), -1000);
    // … and not before, though the scene was processed again in 2020.
    let old = "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531";
    assert_eq!(offset(&item(&root, &format!("odc_stac/{old}_raster_ext.json"), old)), 0);
    // Earth Search v0 tells the baseline in the name of the product alone.
    let v0 = item(&root, "odc_stac/S2A_28QCH_20200714_0_L2A.json", "S2A_28QCH_20200714_0_L2A");
    assert_eq!((offset(&v0), v0.processing_baseline), (0, Some(2.14)));
}

#[test]
fn copies_of_one_datatake_are_one_scene() {
    let Some(root) = real("stac_responses") else { return };
    let all = items(&read(&root.join(RECORDED)));
    let same: Vec<Item> = all.into_iter().filter(|i| i.tile.as_deref() == Some("20EPT")).collect();
    assert_eq!(same.len(), 3, "collection 1, its copy and the top of the atmosphere");
    let bounds = &same[0].footprint;
    let middle = bounds.0[0].exterior().0[0];
    let area = Area::of_bbox([middle.x - 0.2, middle.y - 0.2, middle.x + 0.2, middle.y + 0.2]).unwrap();
    let chosen = select(same, &area, &SelectParams::default());
    assert_eq!((chosen.scenes.len(), chosen.dropped.len()), (1, 2));
    assert_eq!(chosen.scenes[0].parts().len(), 1);
    assert!(chosen.scenes[0].item().id.ends_with("_L2A"));
}

#[test]
fn reprocessed_products_replace_the_old_ones() {
    let Some(root) = real("stac_responses") else { return };
    let all = items(&read(&root.join("cdse_openeo/creodiasCorruptTile.json")));
    assert_eq!(all.len(), 24);
    // S2A of 2018-03-27 over 29UNV is there with baselines 02.07, 02.13 and 05.00; 29UMV also as N9999, made by a user.
    let area = Area::of_bbox([-9.2, 53.3, -8.9, 53.5]).unwrap();
    let tiles = SelectParams { tiles: vec!["29UNV".into(), "29UMV".into()], ..SelectParams::default() };
    let chosen = select(all, &area, &tiles);
    let mut keys: Vec<_> = chosen
        .scenes
        .iter()
        .map(|s| {
            (s.item().platform.clone(), s.item().tile.clone(), s.item().product.as_ref().map(|p| p.datatake))
        })
        .collect();
    keys.sort();
    let count = keys.len();
    keys.dedup();
    assert_eq!((keys.len(), count + chosen.dropped.len()), (count, 24));
    let at = "2018-03-27T11:43:51Z".parse().unwrap();
    let scene = chosen.scenes.iter().find(|s| {
        s.item().tile.as_deref() == Some("29UNV")
            && s.item().product.as_ref().is_some_and(|p| p.datatake == at)
    });
    assert_eq!(scene.unwrap().item().processing_baseline, Some(5.0));
}

/// The recorded answer of Earth Search to a filter it does not know: it is ignored, and the next page asks for nothing.
#[test]
fn what_a_server_ignores_is_tested_here() {
    let Some(root) = real("stac_responses") else { return };
    let page = read(&root.join(RECORDED));
    assert_eq!(page["links"][0]["merge"], Value::Bool(false));
    let query = Query { max_tile_cloud_fraction: Some(0.4), ..Query::default() };
    let all = items(&page);
    let kept = all.iter().filter(|i| query.meets(i) && query.refusal(i).is_none()).count();
    let cloudy = all.iter().filter(|i| i.cloud_fraction.is_some_and(|c| c > 0.4)).count();
    assert!(cloudy > 0 && kept + cloudy == all.len(), "{kept} {cloudy}");
}

#[test]
fn responses_on_disk_are_sources() {
    let Some(root) = real("stac_responses") else { return };
    let search = |file: &str| {
        let source = CatalogAddress::parse(&root.join(file).display().to_string()).unwrap();
        Catalog::new(source, &HttpParams::default()).unwrap().search(&Query::default()).unwrap()
    };
    assert_eq!(search("rustac/crates_server_data_sentinel-2_item-collection.json").items.len(), 10);
    assert_eq!(search("odc_stac/S2A_28QCH_20200714_0_L2A.json").items.len(), 1);
    // The static catalog is there without the item that it links.
    assert_eq!(search("stactools_s1/catalog.json").skipped.len(), 1);
}
