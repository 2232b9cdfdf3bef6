//! SVG to PNG: one set of fonts, one renderer, for every picture of a report.
//!
//! The compiled-in fonts have Latin, Greek and Cyrillic. Only for a drawing with other characters, such as Korean or Chinese names
//! of stations, the machine's fonts are looked through; what no font has is drawn as boxes, and told once.

use super::Error;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageEncoder, Rgba, RgbaImage};
use resvg::usvg::FontResolver;
use resvg::usvg::fontdb::{Database, FaceInfo, ID};
use resvg::{tiny_skia, usvg};
use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

const WHITE: Rgba<u8> = Rgba([u8::MAX; 4]);
const FAMILY: &str = "DejaVu Sans";

/// The fonts of every figure, compiled in.
static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for face in [dejavu::sans::regular(), dejavu::sans::bold(), dejavu::sans::oblique()] {
        fonts.load_font_data(face.to_vec());
    }
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});

/// The same and the machine's, looked for when a drawing first needs them.
static ALL_FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::clone(&FONTS);
    fonts.load_system_fonts();
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});

/// Characters that were told to be in no font.
static TOLD: Mutex<BTreeSet<char>> = Mutex::new(BTreeSet::new());

/// An SVG drawn on white in its own size, as PNG.
///
/// # Errors
/// [`Error::Draw`] for text that is not SVG, [`Error::Png`] when the picture cannot be encoded.
pub(super) fn png_on_white(svg: &str) -> Result<Vec<u8>, Error> {
    let tree = parsed(svg)?;
    let size = tree.size().to_int_size();
    png(&tree, RgbaImage::from_pixel(size.width(), size.height(), WHITE))
}

/// An SVG drawn over the opaque `ground`, as PNG.
///
/// # Errors
/// As [`png_on_white`].
pub(super) fn png_over(svg: &str, ground: RgbaImage) -> Result<Vec<u8>, Error> {
    png(&parsed(svg)?, ground)
}

fn parsed(svg: &str) -> Result<usvg::Tree, Error> {
    let mut options = usvg::Options { fontdb: Arc::clone(&FONTS), ..usvg::Options::default() };
    let foreign = missing(svg.chars(), &FONTS);
    if !foreign.is_empty() {
        tell(missing(foreign.into_iter(), &ALL_FONTS));
        options.fontdb = Arc::clone(&ALL_FONTS);
        options.font_resolver.select_fallback = Box::new(most_alike);
    }
    Ok(usvg::Tree::from_str(svg, &options)?)
}

/// The characters that no face has.
fn missing(text: impl Iterator<Item = char>, fonts: &Arc<Database>) -> BTreeSet<char> {
    let mut fonts = Arc::clone(fonts);
    let find = FontResolver::default_fallback_selector();
    // The search leaves out the face that it starts from: from two faces it meets all.
    let starts: Vec<ID> = fonts.faces().take(2).map(|face| face.id).collect();
    let mut has = |c: char| starts.iter().any(|start| find(c, &[*start], &mut fonts).is_some());
    let others: BTreeSet<char> = text.filter(|c| !c.is_ascii() && !c.is_control()).collect();
    others.into_iter().filter(|c| !has(*c)).collect()
}

/// The face for a character that the `used` ones lack: upright sans of the same weight before any other.
fn most_alike(c: char, used: &[ID], fonts: &mut Arc<Database>) -> Option<ID> {
    let find = FontResolver::default_fallback_selector();
    let weight = fonts.face(*used.first()?)?.weight;
    let is_alike = |face: &FaceInfo| {
        let is_sans = face.families.iter().any(|(name, _)| name.contains("Sans") || name.contains("Gothic"));
        is_sans && face.weight == weight && !face.monospaced
    };
    let others = fonts.faces().filter(|face| !is_alike(face)).map(|face| face.id);
    let unlike: Vec<ID> = used.iter().copied().chain(others).collect();
    find(c, &unlike, fonts).or_else(|| find(c, used, fonts))
}

/// Warns of characters that are drawn as boxes, of each once.
fn tell(boxes: BTreeSet<char>) {
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let new: String = boxes.into_iter().filter(|c| told.insert(*c)).collect();
    if !new.is_empty() {
        tracing::warn!(
            characters = new,
            "no font of this machine has these characters of a name: pictures show boxes for them; install a font that has \
             them, for Chinese, Japanese and Korean on Debian and Ubuntu `apt-get install fonts-noto-cjk`"
        );
    }
}

fn png(tree: &usvg::Tree, mut ground: RgbaImage) -> Result<Vec<u8>, Error> {
    let (width, height) = ground.dimensions();
    let mut canvas =
        tiny_skia::PixmapMut::from_bytes(&mut ground, width, height).ok_or(usvg::Error::InvalidSize)?;
    resvg::render(tree, tiny_skia::Transform::identity(), &mut canvas);
    // Every pixel is opaque, so premultiplied and straight alpha agree.
    let mut opaque = vec![0; 3 * width as usize * height as usize];
    for (to, from) in opaque.as_chunks_mut::<3>().0.iter_mut().zip(ground.as_chunks::<4>().0) {
        to.copy_from_slice(&from[..3]);
    }
    let mut bytes = Vec::new();
    // Deflate is most of the time of a report; a fifth more bytes buys two thirds of it back. Of the filters, Paeth's is the best of
    // nearly every line: choosing one for each line saves 1 % of the bytes and costs up to a third more time.
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Paeth).write_image(
        &opaque,
        width,
        height,
        image::ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "하산 Хасан – 豆满江, 42.4° N, ≥ 90 %";

    #[test]
    fn what_the_compiled_in_fonts_lack_is_known() {
        assert!(missing("Хасан – Οδός · Łódź, 42.4° N, ≥ −3 × 10⁻⁵\u{a0}m…".chars(), &FONTS).is_empty());
        assert_eq!(missing(NAME.chars(), &FONTS), "하산豆满江".chars().collect());
        // More fonts never have less; how much more is up to the machine.
        assert!(missing(NAME.chars(), &ALL_FONTS).is_subset(&missing(NAME.chars(), &FONTS)));
    }

    #[test]
    fn a_name_in_any_script_is_drawn_and_letters_differ_where_a_font_has_them() {
        let drawn = |name: &str| {
            png_on_white(&format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='40' font-family='{FAMILY}' font-size='20' \
                 font-weight='bold'><text x='5' y='30'>{name}</text></svg>"
            ))
            .unwrap()
        };
        let name: BTreeSet<char> = "하산".chars().collect();
        let lacking = missing(name.iter().copied(), &ALL_FONTS);
        // One box is as good as another.
        assert_eq!(drawn("하") == drawn("산"), lacking == name);
    }

    #[test]
    fn the_face_for_a_character_has_it() {
        let regular = FONTS.faces().next().unwrap().id;
        for c in NAME.chars().filter(|c| !c.is_ascii()) {
            let found = most_alike(c, &[regular], &mut Arc::clone(&ALL_FONTS));
            assert!(
                found != Some(regular) && (found.is_some() || !missing([c].into_iter(), &FONTS).is_empty()),
                "{c}"
            );
        }
    }
}
