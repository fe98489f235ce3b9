//! Decoding of pictures, for their size and a thumbnail. Even a hostile file takes only a bounded
//! amount of memory and one processor at a time.

use std::io::Cursor;

use actix_web::http::StatusCode;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use platform::{Error, Result};

/// Limit of pixels.
const PIXELS: u64 = 50_000_000;
/// Limit of pixels on a side.
const SIDE: u32 = 16_000;
/// Limit of bytes that decoding may take.
const MEMORY: u64 = 256 << 20;

/// Limit of pixels times passes. A progressive JPEG is drawn in some ten passes over the whole
/// picture; thousands of them would keep the processor busy for minutes.
const STROKES: u64 = 1_000_000_000;

/// Longer side of a thumbnail, in pixels.
const THUMBNAIL: u32 = 320;
/// JPEG quality of a thumbnail.
const QUALITY: u8 = 80;

/// A picture as displayed, after its orientation is applied.
pub struct Picture {
    pub width: u32,
    pub height: u32,
    /// JPEG
    pub thumbnail: Vec<u8>,
}

/// Decodes a picture. Blocks the thread meanwhile.
pub fn look_into(format: ImageFormat, bytes: &[u8]) -> Result<Picture> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);

    // Reads only the head: no pixels are decoded yet.
    let mut decoder = reader.into_decoder().map_err(|error| refused(&error))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width > SIDE || height > SIDE || pixels > PIXELS || decoder.total_bytes() > MEMORY {
        return Err(too_large());
    }
    if format == ImageFormat::Jpeg && pixels * passes(bytes) > STROKES {
        return Err(too_large());
    }

    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| refused(&error))?;
    let mut small =
        if width.max(height) > THUMBNAIL { image.thumbnail(THUMBNAIL, THUMBNAIL) } else { image };
    small.apply_orientation(orientation);

    let turned = matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    );
    let (width, height) = if turned { (height, width) } else { (width, height) };
    Ok(Picture { width, height, thumbnail: jpeg(&small).map_err(|error| refused(&error))? })
}

/// Counts the scans of a JPEG. These two bytes cannot occur within a scan.
fn passes(bytes: &[u8]) -> u64 {
    bytes.windows(2).filter(|two| *two == [0xff, 0xda]).count() as u64
}

/// Encodes a picture as JPEG, on white where it is transparent, without the metadata of the camera.
fn jpeg(image: &DynamicImage) -> Result<Vec<u8>, ImageError> {
    let mut flat = image.to_rgba8();
    for pixel in flat.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0.map(u32::from);
        let on_white = |part: u32| u8::try_from((part * alpha + 255 * (255 - alpha)) / 255);
        let [red, green, blue] = [red, green, blue].map(|part| on_white(part).unwrap_or(u8::MAX));
        pixel.0 = [red, green, blue, u8::MAX];
    }
    let mut bytes = vec![];
    let flat = DynamicImage::ImageRgba8(flat).into_rgb8();
    JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&flat)?;
    Ok(bytes)
}

fn too_large() -> Error {
    let detail = "The picture can have at most 50 million pixels, 16,000 pixels per side and 256 MiB \
                  when decoded.";
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "image_too_large").detail(detail)
}

/// Returns the error for an invalid picture.
pub fn unreadable() -> Error {
    Error::new(StatusCode::UNPROCESSABLE_ENTITY, "unreadable_image")
}

fn refused(error: &ImageError) -> Error {
    match error {
        ImageError::Limits(_) => too_large(),
        error => unreadable().detail(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// A picture as a phone that was held upright writes it: to be turned by 90°.
    fn held_upright(jpeg: &[u8]) -> Vec<u8> {
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        [&jpeg[..2], b"\xff\xe1", &length, exif, &jpeg[2..]].concat()
    }

    fn size(jpeg: &[u8]) -> (u32, u32) {
        let reader = ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg);
        reader.into_dimensions().unwrap()
    }

    #[test]
    fn a_thumbnail_stands_as_the_picture_does() {
        let jpeg = encoded(640, 480, ImageFormat::Jpeg);
        let picture = look_into(ImageFormat::Jpeg, &jpeg).unwrap();
        assert_eq!((picture.width, picture.height), (640, 480));
        assert_eq!(size(&picture.thumbnail), (320, 240));
        let picture = look_into(ImageFormat::Jpeg, &held_upright(&jpeg)).unwrap();
        assert_eq!((picture.width, picture.height), (480, 640));
        assert_eq!(size(&picture.thumbnail), (240, 320));
    }

    #[test]
    fn what_is_small_stays_so() {
        let png = encoded(3, 2, ImageFormat::Png);
        assert_eq!(size(&look_into(ImageFormat::Png, &png).unwrap().thumbnail), (3, 2));
        let webp = encoded(3, 2, ImageFormat::WebP);
        assert_eq!(size(&look_into(ImageFormat::WebP, &webp).unwrap().thumbnail), (3, 2));
    }

    #[test]
    fn what_would_be_drawn_for_ever_is_refused() {
        let jpeg = encoded(640, 480, ImageFormat::Jpeg);
        assert_eq!(passes(&jpeg), 1);
        let endless = [jpeg.as_slice(), &[0xff, 0xda].repeat(4000)].concat();
        let error = look_into(ImageFormat::Jpeg, &endless).err().unwrap();
        assert_eq!(error.code(), "image_too_large");
    }

    #[test]
    fn half_a_picture_is_refused() {
        let png = encoded(64, 64, ImageFormat::Png);
        for end in [20, 40, png.len() / 2] {
            let error = look_into(ImageFormat::Png, &png[..end]).err().unwrap();
            assert_eq!(error.code(), "unreadable_image", "{end}");
        }
    }
}
