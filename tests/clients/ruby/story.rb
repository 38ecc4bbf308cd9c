# frozen_string_literal: true

# What an integration does in its first hour, with the generated client.

require "astral"
require "json"
require "set"
require "uri"

ORGANIZATION = ENV.fetch("ASTRAL_ORGANIZATION")

def client(credential = nil)
  address = URI(ENV.fetch("ASTRAL_URL"))
  configuration = Astral::Configuration.new
  configuration.scheme = address.scheme
  configuration.host = "#{address.host}:#{address.port}"
  configuration.access_token = credential
  Astral::ApiClient.new(configuration)
end

# The code of the problem with which a call is refused. The error holds it as text.
def code_of(status)
  yield
  raise "the call went through"
rescue Astral::ApiError => e
  problem = Astral::Problem.build_from_hash(JSON.parse(e.response_body, symbolize_names: true))
  raise e unless e.code == status && problem.status == status
  raise e if problem.detail.empty? || problem.request_id.empty?

  problem.code
end

login = Astral::Login.new(email: ENV.fetch("ASTRAL_EMAIL"), password: ENV.fetch("ASTRAL_PASSWORD"))
session = Astral::AuthenticationApi.new(client).login(login)
coach = Astral::APIKeysApi.new(client(session.token))

new_key = Astral::NewApiKey.new(name: "Ruby story", scopes: [Astral::Scope::MEMBERS_READ])
key = coach.create_api_key(ORGANIZATION, new_key)
program = Astral::MembersApi.new(client(key.secret))

pages = 0
members = Set.new
options = { limit: 3 }
loop do
  page = program.list_members(ORGANIZATION, options)
  pages += 1
  members.merge(page.data.map(&:id))
  break unless page.next_cursor

  options[:cursor] = page.next_cursor
end

nobody = Astral::NewMember.new(display_name: "Nobody")
wrong_scope = code_of(403) { program.create_member(ORGANIZATION, nobody) }

coach.revoke_api_key(ORGANIZATION, key.id, reason: "The story is over")

refused_key = code_of(401) { program.list_members(ORGANIZATION) }

puts "story: signed in, created a key, #{pages} pages of #{members.size} members, " \
     "#{wrong_scope}, revoked, #{refused_key}"
