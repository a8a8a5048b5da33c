# What a function may do follows from what it uses. Run by `terraform test`.

variables {
  region         = "eu-west-1"
  tables         = { records = "arn:records", outbox = "arn:outbox", counters = "arn:counters", stream = "arn:stream" }
  bucket_arn     = "arn:bucket"
  bus_arn        = "arn:bus"
  failures_arn   = "arn:failures"
  traced         = false
  mail_from      = "scorpius@example.com"
  identities_arn = "arn:aws:ses:eu-west-1:000000000000:identity"
  keys           = { token = "arn:token", ledger = "arn:ledger", wrap = "arn:wrap", data = "arn:data" }
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
      queue = null, schedule = null, stream = null, emits = []
      uses  = { store = null, counters = false, blobs = null, keys = [], bus = false, queues = false, mail = false }
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
      queue = null, schedule = null, stream = null, emits = []
      uses  = { store = "read", counters = false, blobs = "read", keys = ["public:token"], bus = false, queues = false, mail = false }
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

run "a_consumer_sees_its_own_queue" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queue = "scan", schedule = null, stream = null, emits = ["scorpius.scan.completed.v1"]
      uses  = { store = "read-write", counters = false, blobs = null, keys = [], bus = false, queues = false, mail = false }
    }
  }

  assert {
    condition = length(setsubtract(
      flatten([for it in output.statements : it.Resource]),
      ["arn:records", "arn:counters", "arn:outbox", "arn:scan", "arn:scan-dead", "arn:data"],
    )) == 0
    error_message = "A consumer has to do with its own queue and its dead letters."
  }

  assert {
    condition     = [for it in output.statements : it.Action if it.Resource == ["arn:outbox"]] == [["dynamodb:PutItem"]]
    error_message = "Who emits puts into the outbox, and neither reads nor deletes there."
  }
}

run "what_sends_letters_sends_them_as_its_own_sender" {
  command = plan

  module {
    source = "./modules/permissions"
  }

  variables {
    function = {
      queue = null, schedule = null, stream = null, emits = []
      uses  = { store = null, counters = false, blobs = null, keys = [], bus = false, queues = false, mail = true }
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
