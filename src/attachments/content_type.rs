//! Types of files, detected from their bytes. Only these types are accepted, whatever the name or
//! the header of an upload says.

use platform::text_enum;

text_enum! {
    /// Media type, detected from the content
    pub enum ContentType {
        Jpeg = "image/jpeg",
        Png = "image/png",
        Webp = "image/webp",
        /// HEIC from phones; has no thumbnail
        Heif = "image/heif",
        Pdf = "application/pdf",
        Docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        /// UTF-8
        Text = "text/plain",
        Mp3 = "audio/mpeg",
        M4a = "audio/mp4",
        Ogg = "audio/ogg",
        Wav = "audio/wav",
        /// Voice notes of older phones
        Amr = "audio/amr",
        Mp4 = "video/mp4",
    }
}

/// Beginnings of texts that a program would run or a browser would display.
const ACTIVE: [&str; 6] = ["<", "#!", "%!", "{\\rtf", "@echo", "mime-ver"];

/// Name of the part that holds the macros of an office document.
const MACROS: &[u8] = b"vbaProject.bin";

impl ContentType {
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let Some(found) = infer::get(bytes) else {
            return is_text(bytes).then_some(Self::Text);
        };
        let known = match found.mime_type() {
            "audio/m4a" => Self::M4a,
            "audio/opus" => Self::Ogg,
            "audio/x-wav" => Self::Wav,
            other => *Self::ALL.iter().find(|kind| kind.as_str() == other)?,
        };
        let office = matches!(known, Self::Docx | Self::Xlsx);
        let macros = office && bytes.windows(MACROS.len()).any(|part| part == MACROS);
        (!macros).then_some(known)
    }

    pub fn is_image(self) -> bool {
        self.format().is_some() || self == Self::Heif
    }

    /// Returns the format of the pictures that can be decoded.
    pub fn format(self) -> Option<image::ImageFormat> {
        match self {
            Self::Jpeg => Some(image::ImageFormat::Jpeg),
            Self::Png => Some(image::ImageFormat::Png),
            Self::Webp => Some(image::ImageFormat::WebP),
            _ => None,
        }
    }

    /// Returns the extensions that fit the type, the usual one first.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &[".jpg", ".jpeg"],
            Self::Png => &[".png"],
            Self::Webp => &[".webp"],
            Self::Heif => &[".heic", ".heif"],
            Self::Pdf => &[".pdf"],
            Self::Docx => &[".docx"],
            Self::Xlsx => &[".xlsx"],
            Self::Text => &[".txt", ".csv", ".json", ".log", ".md"],
            Self::Mp3 => &[".mp3"],
            Self::M4a => &[".m4a"],
            Self::Ogg => &[".ogg", ".oga", ".opus"],
            Self::Wav => &[".wav"],
            Self::Amr => &[".amr"],
            Self::Mp4 => &[".mp4"],
        }
    }
}

fn is_text(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let start: String = start.chars().take(8).collect::<String>().to_ascii_lowercase();
    let unseen = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}');
    !text.contains(unseen) && !ACTIVE.iter().any(|mark| start.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_is_and_not_what_it_is_called() {
        let of = |bytes: &[u8]| ContentType::of(bytes).map(ContentType::as_str);
        assert_eq!(of(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some("image/jpeg"));
        assert_eq!(of(b"%PDF-1.7\n"), Some("application/pdf"));
        assert_eq!(of(b"#!AMR\n\x3c\x48\xf5\x1f\x96\x66"), Some("audio/amr"));
        assert_eq!(of(b"OggS\0\x02\0\0\0\0\0\0\0\0"), Some("audio/ogg"));
        assert_eq!(of(b"RIFF\x24\0\0\0WAVEfmt "), Some("audio/wav"));
        assert_eq!(of(b"ID3\x04\0\0\0\0\0\0"), Some("audio/mpeg"));
        assert_eq!(of(b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42"), Some("audio/mp4"));
        assert_eq!(of(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"), Some("video/mp4"));
        assert_eq!(of(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1"), Some("image/heif"));
        assert_eq!(of("客户投诉:皮带断裂\n".as_bytes()), Some("text/plain"));
        assert_eq!(of(b"a,b\r\n1,2\r\n"), Some("text/plain"));
    }

    #[test]
    fn what_could_run_is_nothing_known() {
        let odd: [&[u8]; 16] = [
            b"MZ\x90\0\x03\0\0\0",
            b"\x7fELF\x02\x01\x01\0",
            b"#!/bin/sh\nrm -rf /\n",
            b"<!DOCTYPE html><script>alert(1)</script>",
            b"\xef\xbb\xbf  <svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            b"<?xml version='1.0'?><svg/>",
            b"<?php echo 1;",
            b"@ECHO off\r\n",
            b"%!PS-Adobe-3.0",
            b"{\\rtf1\\ansi}",
            b"MIME-Version: 1.0\r\n",
            b"GIF89a\x01\0\x01\0",
            b"PK\x03\x04\x14\0\0\0\x08\0",
            b"\x1f\x8b\x08\0\0\0\0\0",
            b"\xca\xfe\xba\xbe\0\0\0\x34",
            b"a\0b",
        ];
        for bytes in odd {
            assert_eq!(ContentType::of(bytes), None, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
