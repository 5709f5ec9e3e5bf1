//! Tests of the streams of a program that its user serves.

use super::*;

/// Returns a running shell script, whose stdin is a pipe. Its outputs may have 100 000 bytes.
fn started(script: &str) -> (ProgramStdin, ProgramOutputStream, ProgramEnd) {
    let slots = CommandSlots::default();
    let started = start(&slots, shell(script), StdinSource::Piped, Some(100_000));
    let StreamedProgram {
        stdin, stdout, end, ..
    } = started.expect("there are pipes");
    (stdin.expect("it is a pipe"), stdout, end)
}

/// Reads a stream to its end. Returns how many bytes it had, and its fault.
async fn drained(stream: &mut ProgramOutputStream) -> (usize, Option<String>) {
    let mut n_bytes = 0;
    loop {
        stream.ready().await;
        match stream.read(1 << 20) {
            OutputRead::Bytes(bytes) => n_bytes += bytes.len(),
            OutputRead::NotYet => panic!("it is ready"),
            OutputRead::End => return (n_bytes, None),
            OutputRead::Failed(fault) => {
                assert!(matches!(stream.read(1), OutputRead::End));
                return (n_bytes, Some(fault.to_string()));
            }
        }
    }
}

#[tokio::test]
async fn streams_carry_a_dialogue() {
    let (mut stdin, mut stdout, end) =
        started("while read -r line; do echo \"<$line>\"; done; exit 3");
    let talk = async {
        for line in ["one", "two"] {
            stdin.ready().await;
            assert!(stdin.n_free().expect("it is read") > 0);
            stdin
                .write(format!("{line}\n").into_bytes())
                .expect("it is read");
            let mut answer = Vec::new();
            while !answer.ends_with(b"\n") {
                stdout.ready().await;
                let read = stdout.read(3);
                let OutputRead::Bytes(bytes) = read else {
                    panic!("{read:?}")
                };
                answer.extend(bytes);
            }
            assert_eq!(answer, format!("<{line}>\n").into_bytes());
        }
        drop(stdin);
        assert_eq!(drained(&mut stdout).await, (0, None));
    };
    let ((), end) = tokio::join!(talk, end);
    assert_eq!(end.expect("it ends"), End::Exit(3));
}

#[tokio::test]
async fn streams_hold_a_bounded_number_of_bytes() {
    // The program prints without an end, and nothing is read: it waits.
    let (mut stdin, mut stdout, end) = started("exec cat /dev/zero");
    let mut end = pin!(end);
    let quiet = clock::until(
        Moment::now().after(Duration::from_millis(300)),
        end.as_mut(),
    );
    quiet.await.expect_err("it waits for a reader");
    // Nothing reads stdin: the pipe takes some bytes, and then none.
    let mut n_written = 0;
    while let Ok(n_free @ 1..) = stdin.n_free() {
        stdin.write(vec![0; n_free]).expect("it is open");
        n_written += n_free;
        assert!(n_written <= 1 << 20, "{n_written}");
        tokio::task::yield_now().await;
    }
    let refused = stdin.write(vec![0]).expect_err("it is full");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    // The output is longer than its limit, so the stream is closed, which ends the program.
    let (read, end) = tokio::join!(drained(&mut stdout), end);
    let fault = "the output is longer than 100000 bytes, its limit".to_owned();
    assert_eq!(read, (100_000, Some(fault)));
    let pipe = Signal::PIPE.as_raw();
    assert_eq!(end.expect("it ends"), End::Signal(pipe));
    stdin.ready().await;
    stdin.n_free().expect_err("no process reads it");
}

/// What did not fit into the pipe was written only while something waited for the stream. So a program
/// that a plugin gave more than the pipe holds did not get the rest while the plugin waited for its
/// output or its end, and both waited for each other.
#[tokio::test]
async fn input_beyond_the_pipe_is_written_while_nothing_waits_for_the_stream() {
    let (mut stdin, mut stdout, end) = started("sleep 0.3; head -c 131072 | wc -c");
    let mut n_left = 131_072;
    while n_left > 0 {
        stdin.ready().await;
        let n_bytes = stdin.n_free().expect("it is open").min(n_left);
        stdin.write(vec![b'x'; n_bytes]).expect("it is open");
        n_left -= n_bytes;
    }
    // The program reads in its own time, and `stdin` is not looked at any more.
    let (end, counted) = tokio::join!(end, async {
        stdout.ready().await;
        stdout.read(100)
    });
    assert_eq!(end.expect("it ends"), End::Exit(0));
    let OutputRead::Bytes(counted) = counted else {
        panic!("it has counted: {counted:?}")
    };
    assert_eq!(String::from_utf8_lossy(&counted).trim(), "131072");
    drop(stdin);
}

#[tokio::test]
async fn dropped_input_is_written_to_its_end() {
    let (mut stdin, mut stdout, end) = started("sleep 0.3; wc -c");
    for _ in 0..2 {
        stdin.ready().await;
        let n_free = stdin.n_free().expect("it is open");
        stdin.write(vec![b'x'; n_free]).expect("it is open");
    }
    assert_eq!(stdin.n_free().expect("it is open"), 0, "the pipe is full");
    drop(stdin);
    let (end, ()) = tokio::join!(end, stdout.ready());
    assert_eq!(end.expect("it ends"), End::Exit(0));
    let OutputRead::Bytes(counted) = stdout.read(100) else {
        panic!("it has counted")
    };
    assert_eq!(String::from_utf8_lossy(&counted).trim(), "131072");
}

#[tokio::test]
async fn dropped_end_kills_the_program_and_leaves_its_output() {
    let (_stdin, mut stdout, mut end) = started("echo $$; sleep 3600 & exec sleep 3600");
    tokio::select! {
        _ = &mut end => panic!("it does not end"),
        () = stdout.ready() => {}
    }
    drop(end);
    let OutputRead::Bytes(number) = stdout.read(100) else {
        panic!("it has printed")
    };
    let number = String::from_utf8(number).expect("text");
    assert!(!Path::new("/proc").join(number.trim()).exists(), "{number}");
    assert_eq!(drained(&mut stdout).await, (0, None));
}
