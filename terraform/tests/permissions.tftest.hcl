# What a function may do follows from what it uses. Run by `terraform test`.

variables {
  region         = "eu-west-1"
  tables         = { records = "arn:records", outbox = "arn:outbox", counters = "arn:counters", stream = "arn:stream" }
  bucket_arn     = "arn:bucket"
  bus_arn        = "arn:bus"
  failures_arn   = "arn:failures"
  topics         = ["arn:topic"]
  mail_from      = "scorpius@example.com"
  identities_arn = "arn:aws:ses:eu-west-1:000000000000:identity"
  traced         = false
  keys           = { token = ["arn:token", "arn:token-next"], ledger = "arn:ledger", wrap = "arn:wrap", data = "arn:data" }
  queues = {
    audit = { arn = "arn:audit", dead_arn = "arn:audit-dead", from_relay = true }
    scan  = { arn = "arn:scan", dead_arn = "arn:scan-dead", from_relay = false }
  }
}

run "what_uses_nothing_may_do_nothing" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = null, counters = false, blobs = null, keys = [], bus = false, queues = false, topics = null, mail = false }
    }
  }

  assert {
    condition     = output.statements == []
    error_message = "A function that uses nothing has no permission."
  }
}

run "what_reads_does_not_write" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = "read", counters = false, blobs = "read", keys = ["public:token"], bus = false, queues = false, topics = null, mail = false }
    }
  }

  assert {
    condition = length(setintersection(
      flatten([for it in output.statements : it.Action]),
      ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "s3:PutObject", "s3:DeleteObject", "kms:Sign"],
    )) == 0
    error_message = "Who reads does not write."
  }

  assert {
    condition     = one([for it in output.statements : it if it.Sid == "AtRest"]).Condition.StringEquals["kms:ViaService"] == ["dynamodb.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"]
    error_message = "What is at rest is decrypted only by the services that are used."
  }
}

run "who_anchors_puts_and_never_deletes" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    anchors = { bucket_arn = "arn:anchors", key_arn = "arn:anchors-key" }
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = null, counters = false, blobs = null, anchors = true, keys = [], bus = false, queues = false, topics = null, mail = false }
    }
  }

  assert {
    condition     = toset(flatten([for it in output.statements : it.Action if it.Sid != "AtRest"])) == toset(["s3:GetObject", "s3:ListBucket", "s3:PutObject"])
    error_message = "Anchors are put and read, and nothing else."
  }
}

run "a_consumer_sees_its_own_queue" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = ["scan"], schedule = null, stream = null, emits = ["scorpius.scan.completed.v1"]
      uses   = { store = "read-write", counters = false, blobs = null, keys = [], bus = false, queues = false, topics = null, mail = false }
    }
  }

  assert {
    condition = length(setsubtract(
      flatten([for it in output.statements : it.Resource]),
      ["arn:records", "arn:outbox", "arn:scan", "arn:scan-dead", "arn:data"],
    )) == 0
    error_message = "A consumer has to do with its own queue and its dead letters."
  }

  assert {
    condition     = [for it in output.statements : it.Action if it.Resource == ["arn:outbox"]] == [["dynamodb:PutItem"]]
    error_message = "Who emits puts into the outbox, and neither reads nor deletes there."
  }
}

run "tokens_are_signed_and_checked_with_every_key_of_a_rotation" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = null, counters = false, blobs = null, keys = ["sign:token", "public:token"], bus = false, queues = false, topics = null, mail = false }
    }
  }

  assert {
    condition = { for it in output.statements : it.Sid => join(" ", it.Resource) } == {
      SignTokens     = "arn:token arn:token-next"
      ReadPublicKeys = "arn:token arn:token-next"
    }
    error_message = "Who signs tokens may use each key of theirs, and no other."
  }
}

run "what_names_topics_does_not_publish" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = null, counters = false, blobs = null, keys = [], bus = false, queues = false, topics = "read", mail = false }
    }
  }

  assert {
    condition     = output.statements == []
    error_message = "Who only knows which topics are allowed may not publish to them."
  }
}

run "what_publishes_does_so_to_allowed_topics" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = null, counters = false, blobs = null, keys = [], bus = false, queues = false, topics = "read-write", mail = false }
    }
  }

  assert {
    condition     = { for it in output.statements : it.Sid => join(" ", concat(it.Action, it.Resource)) } == { PublishToTopics = "sns:Publish arn:topic" }
    error_message = "Who publishes may do so to the allowed topics."
  }
}

run "who_counts_is_named" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = "read", counters = true, blobs = null, keys = [], bus = false, queues = false, topics = null, mail = false }
    }
  }

  assert {
    condition     = [for it in output.statements : it.Action if it.Resource == ["arn:counters"]] == [["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]]
    error_message = "Counters are for who says so, and whoever reads the store reads no counters."
  }
}

run "what_sends_letters_sends_them_as_its_own_sender" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queues = [], schedule = null, stream = null, emits = []
      uses   = { store = null, counters = false, blobs = null, keys = [], bus = false, queues = false, topics = null, mail = true }
    }
  }

  assert {
    condition = one([for it in output.statements : it if it.Sid == "SendLetters"]).Resource == [
      "arn:aws:ses:eu-west-1:000000000000:identity/scorpius@example.com",
      "arn:aws:ses:eu-west-1:000000000000:identity/example.com",
    ]
    error_message = "Letters are sent as the sender that is set, or as its domain."
  }
}
