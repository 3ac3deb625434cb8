//! Random text for tokens and names.

/// `bytes` random bytes in hexadecimal, from the kernel.
pub fn hex(bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    let mut filled = 0;
    while filled < buffer.len() {
        match rustix::rand::getrandom(&mut buffer[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            // A kernel without randomness cannot make a secret; going on would make a known one.
            Err(errno) => panic!("the kernel gives no random bytes: {errno}"),
        }
    }
    hex::encode(buffer)
}
