//! Archives for the tests, good ones and broken ones, made byte by byte.

use std::io::Write;

use crate::release::archive::error::ArchiveError;
use crate::release::archive::limits::Limits;
use crate::release::archive::opened::Archive;
use crate::release::archive::opened::MemberKind;

/// What every tar ends with.
pub const TAR_END: [u8; 1024] = [0; 1024];

pub fn open(bytes: &[u8]) -> Result<Archive, ArchiveError> {
    open_with(bytes, &Limits::default())
}

pub fn open_with(bytes: &[u8], limits: &Limits) -> Result<Archive, ArchiveError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    Archive::open(file.path(), limits)
}

/// Paths and contents as the second pass gives them; links as `path -> target`.
pub fn listed(archive: &Archive) -> Vec<String> {
    let mut listed = Vec::new();
    for member in archive.members() {
        match &member.kind {
            MemberKind::Folder => listed.push(format!("{}/", member.path)),
            MemberKind::Link { target } => listed.push(format!("{} -> {target}", member.path)),
            MemberKind::File { .. } => {}
        }
    }
    let read = archive.each(&mut |member, content| {
        let text = std::io::read_to_string(content)?;
        listed.push(format!("{} {:o} {text}", member.path, member.mode));
        Ok(())
    });
    read.unwrap();
    listed.sort();
    listed
}

/// The reason of a refusal; panics when the archive is taken or only damaged.
pub fn refusal(bytes: &[u8]) -> String {
    match open(bytes) {
        Err(ArchiveError::Refused { refusal, .. }) => refusal.to_string(),
        Err(error) => panic!("not refused, but: {error}: {:?}", std::error::Error::source(&error)),
        Ok(archive) => panic!("taken: {:?}", archive.members()),
    }
}

/// A tar header in ustar form, with its checksum.
pub fn header(name: &str, kind: u8, size: u64) -> ::tar::Header {
    let mut header = ::tar::Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(::tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    header
}

/// Header and padded content.
pub fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    with_content(&header(name, kind, content.len() as u64), content)
}

pub fn link(name: &str, kind: u8, target: &str) -> Vec<u8> {
    let mut header = header(name, kind, 0);
    header.set_link_name_literal(target).unwrap();
    header.set_cksum();
    header.as_bytes().to_vec()
}

pub fn with_content(header: &::tar::Header, content: &[u8]) -> Vec<u8> {
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// One record of an extended header.
pub fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let length = (1..).find(|length: &usize| length.to_string().len() + rest.len() == *length).unwrap();
    format!("{length}{rest}").into_bytes()
}

/// The parts with the end behind them.
pub fn tar(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = parts.concat();
    bytes.extend_from_slice(&TAR_END);
    bytes
}

/// One entry of a zip, as both headers tell it unless a test says otherwise.
#[derive(Clone, Debug)]
pub struct Zipped {
    pub name: Vec<u8>,
    pub local_name: Vec<u8>,
    pub mode: u32,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    pub size: u32,
    pub packed: Vec<u8>,
    /// What the local header says of crc, packed size and size.
    pub local: [u32; 3],
    /// Bytes behind the content.
    pub behind: Vec<u8>,
}

pub fn zipped(name: &str, mode: u32, content: &[u8]) -> Zipped {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = content.len() as u32;
    Zipped {
        name: name.into(),
        local_name: name.into(),
        mode,
        flags: 0,
        method: 0,
        crc: crc.sum(),
        size,
        packed: content.to_vec(),
        local: [crc.sum(), size, size],
        behind: Vec::new(),
    }
}

pub fn deflated(name: &str, content: &[u8]) -> Zipped {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    let packed = encoder.finish().unwrap();
    let plain = zipped(name, 0o100_644, content);
    Zipped { method: 8, local: [plain.crc, packed.len() as u32, plain.size], packed, ..plain }
}

/// A whole zip with `comment` at its end.
pub fn zip(entries: &[Zipped], comment: &[u8]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let at = bytes.len() as u32;
        let name_size = (entry.local_name.len() as u16).to_le_bytes();
        bytes.extend_from_slice(b"PK\x03\x04\x14\0");
        bytes.extend([entry.flags, entry.method, 0, 33].iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend(entry.local.iter().flat_map(|n| n.to_le_bytes()));
        bytes.extend_from_slice(&[name_size[0], name_size[1], 0, 0]);
        bytes.extend([&entry.local_name[..], &entry.packed, &entry.behind].concat());

        directory.extend_from_slice(b"PK\x01\x02\x14\x03\x14\0");
        directory.extend([entry.flags, entry.method, 0, 33].iter().flat_map(|n| n.to_le_bytes()));
        let numbers = [entry.crc, entry.packed.len() as u32, entry.size, entry.name.len() as u32, 0, 0];
        directory.extend(numbers.iter().flat_map(|n| n.to_le_bytes()));
        directory.truncate(directory.len() - 2);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(at.to_le_bytes());
        directory.extend_from_slice(&entry.name);
    }
    let (size, at, count) = (directory.len() as u32, bytes.len() as u32, entries.len() as u16);
    bytes.extend(directory);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend([size, at].iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend((comment.len() as u16).to_le_bytes());
    bytes.extend_from_slice(comment);
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// With its checksum, as the `zstd` program writes it.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
