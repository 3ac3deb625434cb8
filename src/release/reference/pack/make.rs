//! A pack is made group by group, as many at a time as there are processors.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::Write;

use rayon::iter::IntoParallelRefIterator;
use rayon::iter::ParallelIterator;
use zstd::zstd_safe;
use zstd::zstd_safe::CCtx;
use zstd::zstd_safe::CParameter;

use crate::base::digest::Sha256;
use crate::base::json;
use crate::integrity::manifest::FileEntry;
use crate::integrity::manifest::Manifest;
use crate::release::reference::content::Exactly;
use crate::release::reference::content::WINDOW_LOG;
use crate::release::reference::pack::FORMAT;
use crate::release::reference::pack::Group;
use crate::release::reference::pack::HASH_LOG;
use crate::release::reference::pack::Head;
use crate::release::reference::pack::LARGEST;
use crate::release::reference::pack::LEVEL;
use crate::release::reference::pack::MAGIC;
use crate::release::reference::pack::MANIFEST_CHAIN_LOG;
use crate::release::reference::pack::PackError;
use crate::release::reference::pack::STREAMED_WINDOW_LOG;
use crate::release::reference::pack::file_at;
use crate::release::reference::pack::group::Groups;
use crate::release::reference::pack::group::Planned;
use crate::release::reference::pack::group::groups;
use crate::release::reference::pack::memory;
use crate::release::reference::pack::set_digest;

/// Gives the content of a file of one of the releases.
pub type Open<'a> = &'a (dyn Fn(&FileEntry) -> io::Result<Box<dyn Read>> + Sync);

/// What a new pack holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub content_bytes: u64,
    pub largest_group: u64,
}

/// Writes the pack that leads from `old` to `new`; its frames rest in `spool`
/// until all their lengths are known.
pub fn make(
    (old, open_old): (&Manifest, Open),
    (new, open_new): (&Manifest, Open),
    sizes: Groups,
    spool: &mut File,
    out: &mut dyn Write,
) -> Result<Made, PackError> {
    let mut head = Head { format: FORMAT, from: old.digest(), to: new.digest(), groups: Vec::new() };
    let plans = groups(old, new, sizes);
    let (old_json, new_json) = (old.to_json(), outline(new, &plans).to_json());
    let mut made = Made { content_bytes: 0, largest_group: 0 };
    let mut keep = |planned: Planned, frame: Vec<u8>| {
        let Planned { prefix, objects, prefix_bytes, content_bytes } = planned;
        made.content_bytes += content_bytes;
        made.largest_group = made.largest_group.max(memory(prefix_bytes, content_bytes));
        head.groups.push(Group { prefix, objects, bytes: frame.len() as u64, content: content_bytes });
        spool.write_all(&frame).map_err(PackError::Write)
    };
    let first = Planned {
        prefix_bytes: old_json.len() as u64,
        content_bytes: new_json.len() as u64,
        ..Planned::default()
    };
    keep(
        first,
        packed(&old_json, &new_json, sizes.level, Some(MANIFEST_CHAIN_LOG)).map_err(PackError::Write)?,
    )?;
    drop((old_json, new_json));
    for some in plans.chunks(rayon::current_num_threads()) {
        let frames: Vec<Result<Vec<u8>, PackError>> =
            some.par_iter().map(|plan| frame(plan, (old, open_old), (new, open_new), sizes.level)).collect();
        for (plan, frame) in some.iter().zip(frames) {
            keep(plan.clone(), frame?)?;
        }
    }
    write_out(&head, spool, out)?;
    Ok(made)
}

/// The new manifest without the digests of what is packed: who unpacks that learns them, and no packer
/// makes digests smaller.
fn outline(new: &Manifest, plans: &[Planned]) -> Manifest {
    let mut outline = new.clone();
    for place in plans.iter().flat_map(|plan| &plan.objects) {
        set_digest(&mut outline, *place, Sha256::UNSAID);
    }
    outline
}

fn write_out(head: &Head, spool: &mut File, out: &mut dyn Write) -> Result<(), PackError> {
    let text = json::line(head).map_err(PackError::Head)?;
    let text = zstd::bulk::compress(&text, LEVEL).map_err(PackError::Write)?;
    // Places of 200,000 files are some MiB before they are packed.
    let length = u32::try_from(text.len()).map_err(|_| PackError::damaged("its head is too long"))?;
    spool.rewind().map_err(PackError::Write)?;
    out.write_all(MAGIC)
        .and_then(|()| out.write_all(&length.to_le_bytes()))
        .and_then(|()| out.write_all(&text))
        .and_then(|()| io::copy(spool, out))
        .map(|_| ())
        .map_err(PackError::Write)
}

fn frame(
    plan: &Planned,
    (old, open_old): (&Manifest, Open),
    (new, open_new): (&Manifest, Open),
    level: i32,
) -> Result<Vec<u8>, PackError> {
    if let [place] = plan.objects[..]
        && plan.content_bytes > LARGEST
    {
        let (entry, size, digest) = planned_file(new, place)?;
        let failed = |source| PackError::Source { path: entry.path.clone(), source };
        let mut content = Exactly::new(open_new(entry).map_err(failed)?, size, Some(digest));
        return streamed(&mut content, size, level).map_err(failed);
    }
    let prefix = all(old, open_old, &plan.prefix, plan.prefix_bytes)?;
    let content = all(new, open_new, &plan.objects, plan.content_bytes)?;
    packed(&prefix, &content, level, None).map_err(PackError::Write)
}

/// The content of the files at these places, each with its digest.
fn all(manifest: &Manifest, open: Open, places: &[u32], bytes: u64) -> Result<Vec<u8>, PackError> {
    let mut bytes = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    for place in places {
        let (entry, size, digest) = planned_file(manifest, *place)?;
        let failed = |source| PackError::Source { path: entry.path.clone(), source };
        let file = open(entry).map_err(failed)?;
        Exactly::new(file, size, Some(digest)).read_to_end(&mut bytes).map_err(failed)?;
    }
    Ok(bytes)
}

fn planned_file(manifest: &Manifest, place: u32) -> Result<(&FileEntry, u64, Sha256), PackError> {
    file_at(manifest, place).ok_or_else(|| PackError::damaged(format!("there is no file {place}")))
}

/// One frame that holds `content`, behind `prefix`. It says how long it is, so that who reads it needs no
/// larger window than its content; packed at once, it takes no window of its own here.
fn packed(prefix: &[u8], content: &[u8], level: i32, chain_log: Option<u32>) -> io::Result<Vec<u8>> {
    let reach = (prefix.len() as u64 + content.len() as u64).next_power_of_two().trailing_zeros();
    let mut context = CCtx::create();
    for parameter in [
        CParameter::CompressionLevel(level),
        CParameter::ChecksumFlag(false),
        CParameter::WindowLog(reach.clamp(17, WINDOW_LOG + 1)),
        CParameter::HashLog(HASH_LOG),
        CParameter::EnableLongDistanceMatching(true),
        CParameter::LdmMinMatch(32),
    ] {
        context.set_parameter(parameter).map_err(refused)?;
    }
    if let Some(log) = chain_log {
        context.set_parameter(CParameter::ChainLog(log)).map_err(refused)?;
    }
    context.ref_prefix(prefix).map_err(refused)?;
    let mut frame = Vec::with_capacity(zstd_safe::compress_bound(content.len()));
    context.compress2(&mut frame, content).map_err(refused)?;
    drop(context);
    frame.shrink_to_fit();
    Ok(frame)
}

/// A frame of a content that is too large to be held in memory.
fn streamed(content: &mut dyn Read, size: u64, level: i32) -> io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.set_pledged_src_size(Some(size))?;
    encoder.include_checksum(false)?;
    encoder.window_log(STREAMED_WINDOW_LOG)?;
    io::copy(content, &mut encoder)?;
    encoder.finish()
}

fn refused(code: zstd_safe::ErrorCode) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}
