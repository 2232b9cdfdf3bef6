//! SVG to PNG: one set of fonts, one renderer, for every picture of a report.

use super::Error;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageEncoder, Rgba, RgbaImage};
use resvg::{tiny_skia, usvg};
use std::sync::{Arc, LazyLock};

const WHITE: Rgba<u8> = Rgba([u8::MAX; 4]);

/// The fonts of every figure, compiled in.
static FONTS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    for face in [dejavu::sans::regular(), dejavu::sans::bold(), dejavu::sans::oblique()] {
        fonts.load_font_data(face.to_vec());
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    Arc::new(fonts)
});

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
    let options = usvg::Options { fontdb: Arc::clone(&FONTS), ..usvg::Options::default() };
    Ok(usvg::Tree::from_str(svg, &options)?)
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
