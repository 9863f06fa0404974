-- When the next message may leave from a number. Every sender takes its turn here, so that several of them together keep
-- the number's pace. Not a fact: emptied, it makes one message leave early.
create table send_paces (
    number  text primary key,
    next_at timestamptz not null
);
